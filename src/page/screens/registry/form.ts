/** What the form of a registry asks for, and where that stands in its definition. */

import { type Definition, part } from '../../edit/merge.ts'

export interface RegistryForm {
  readonly type: string
  /** A URL, or a path of this machine. */
  readonly place: string
  readonly description: string
  readonly limits: Definition
  readonly insecure: boolean
}

/** What each type of registry is like. */
export interface Adapter {
  readonly identity: string
  readonly name: string
  readonly description: string
  readonly registry: { readonly default_name: string; readonly place: 'url' | 'path'; readonly url: string | null }
  readonly capabilities: { readonly credentials: readonly string[] }
}

/** What a registry is reached by. */
export const REACHED = ['type', 'url', 'path', 'insecure'] as const

export function formOf(definition: Definition): RegistryForm {
  return {
    type: textOf(definition, 'type') || 'docker-registry',
    place: textOf(definition, 'url') || textOf(definition, 'path'),
    description: textOf(definition, 'description'),
    limits: part(definition.limits),
    insecure: textOf(definition, 'insecure') === 'true',
  }
}

/** Where it is: as typed, or where such a registry always is. */
export function addressOf({ place }: RegistryForm, adapter: Adapter | undefined): string {
  return place.trim() === '' ? (adapter?.registry.url ?? '') : place.trim()
}

/** `before` with what the form says: whatever it does not ask for stays as it is. */
export function definitionOf(form: RegistryForm, before: Definition, adapter: Adapter | undefined): Definition {
  const { url: _, path: __, description: ___, insecure: ____, limits: _____, type: ______, ...rest } = before
  const { type, description, insecure, limits } = form
  const address = addressOf(form, adapter)
  return {
    type,
    ...(adapter?.registry.place === 'path' ? { path: address } : { url: address }),
    ...(description.trim() === '' ? {} : { description: description.trim() }),
    ...(insecure ? { insecure: true } : {}),
    ...rest,
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  }
}

/** How a registry of that type is signed in to with these. */
export function credentialOf(username: string, secret: string, adapter: Adapter | undefined): object | undefined {
  if (secret === '') return undefined
  if (username.trim() === '') return { type: 'token', secret }
  const kinds = adapter?.capabilities.credentials ?? []
  const type = kinds.includes('basic') || kinds.length === 0 ? 'basic' : 'access_key'
  return { type, username: username.trim(), secret }
}

export function textOf(definition: Definition, key: string): string {
  const value = definition[key]
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value)
}

/** A number is written as one; anything else is for the check of the file to refuse. */
export function limited(limits: Definition, key: string, value: string): Definition {
  const { [key]: _, ...others } = limits
  if (value.trim() === '') return others
  return { ...others, [key]: /^\d{1,9}$/.test(value.trim()) ? Number(value.trim()) : value.trim() }
}
