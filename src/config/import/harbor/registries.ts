/** The registries of Harbor's policies; the one without an address is that Harbor itself. */

import { z } from 'zod'
import type { AdapterFacts } from '../../../core/adapter.ts'
import { type Draft, literal, type PlainMapping, variableFor } from '../draft.ts'
import { below, type Origin } from '../foreign.ts'
import { truth } from '../values.ts'

const text = z.string().exactOptional()

export const registrySchema = z.strictObject({
  id: text,
  name: text,
  description: text,
  type: text,
  url: text,
  token_service_url: text,
  insecure: truth.exactOptional(),
  credential: z.strictObject({ type: text, access_key: text, access_secret: text }).exactOptional(),
  ca_certificate: text,
  status: text,
  creation_time: text,
  update_time: text,
})

export type HarborRegistry = z.output<typeof registrySchema>

/** For ECR Harbor keeps the address of the API, which does not tell that of the registry. */
const API_URL = /^https?:\/\/api\.ecr\./

const LOCAL = 'local'

/** Each is defined when a policy first needs it. */
export class HarborRegistries {
  readonly #draft: Draft
  readonly #known: readonly { readonly registry: HarborRegistry; readonly origin: Origin }[]

  constructor(draft: Draft, known: readonly { readonly registry: HarborRegistry; readonly origin: Origin }[]) {
    this.#draft = draft
    this.#known = known
  }

  /** Undefined if the file has only its number. */
  nameOf(given: HarborRegistry | undefined, at: Origin): string | undefined {
    if (isLocal(given)) return this.#local(at)
    const listed = this.#known.find(({ registry }) => same(registry, given))
    const registry = { ...listed?.registry, ...given }
    const origin = listed?.origin ?? at
    if (registry.type === undefined || registry.url === undefined) {
      this.#draft.leaveOut(
        at,
        `of registry ${literal(given?.name ?? given?.id ?? '')} nothing is known`,
        'import `{"registries": […], "policies": […]}`, with what /api/v2.0/registries answers',
      )
      return undefined
    }
    const key = registry.name ?? registry.url
    return this.#draft.isDefined(key)
      ? this.#draft.registry(key, at)
      : this.#define(key, registry, registry.url, origin)
  }

  isHarbor(given: HarborRegistry | undefined): boolean {
    const listed = this.#known.find(({ registry }) => same(registry, given))
    return isLocal(given) || (given?.type ?? listed?.registry.type) === 'harbor'
  }

  #local(at: Origin): string {
    if (this.#draft.isDefined(LOCAL)) return LOCAL
    const variable = this.#draft.variable('HARBOR_URL', 'https://harbor.example.com')
    const on = ['registries', this.#draft.nameFor(LOCAL)] as const
    const type = this.#draft.harborAdapter('harbor', at, on)?.identity ?? 'docker-registry'
    this.#draft.note(
      at,
      'the file does not say where this Harbor itself is',
      'set HARBOR_URL, or write `url`; it needs a credential, too',
      on,
    )
    return this.#draft.define(LOCAL, LOCAL, { type, url: variable }, at)
  }

  #define(key: string, registry: HarborRegistry, url: string, origin: Origin): string {
    const name = this.#draft.nameFor(key)
    const on = ['registries', name] as const
    const facts = this.#draft.harborAdapter(registry.type ?? 'docker-registry', origin, on)
    const body = {
      type: facts?.identity ?? 'docker-registry',
      url: this.#urlOf(name, facts, url, origin),
      ...(registry.description === undefined ? {} : { description: literal(registry.description) }),
      ...(registry.insecure && url.startsWith('https:') ? { insecure: true } : {}),
      ...this.#credentialOf(name, facts, registry, origin),
    }
    if (registry.ca_certificate !== undefined) {
      this.#draft.note(
        below(origin, 'ca_certificate'),
        '`ca_certificate` has no counterpart',
        'put it into a file, and name that: `ca: ./ca.pem`',
        on,
      )
    }
    return this.#draft.define(key, key, body, origin)
  }

  #urlOf(name: string, facts: AdapterFacts | undefined, url: string, origin: Origin): string {
    const host = url.replace(/^https?:\/\/|\/$/g, '').toLowerCase()
    if (facts?.home !== undefined && facts.aliases?.includes(host)) return facts.home
    if (!API_URL.test(url)) return literal(url)
    const variable = variableFor(name, 'URL')
    const hint = `set ${variable} to the registry's own, such as https://123456789012.dkr.ecr.eu-central-1.amazonaws.com`
    this.#draft.note(below(origin, 'url'), `${literal(url)} is the address of an API`, hint, ['registries', name])
    return this.#draft.variable(variable, 'https://registry.example.com')
  }

  #credentialOf(
    name: string,
    facts: AdapterFacts | undefined,
    { credential }: HarborRegistry,
    origin: Origin,
  ): PlainMapping {
    if (credential?.access_key === undefined) return {}
    const at = below(origin, 'credential')
    const key = literal(credential.access_key)
    const made = this.#draft.credential(name, key, { in: 'file' }, at)
    return { credential: facts?.credentials.includes('access_key') ? { ...made, type: 'access_key' } : made }
  }
}

/** Its own number is 0. */
function isLocal(registry: HarborRegistry | undefined): boolean {
  return (
    registry === undefined ||
    registry.id === '0' ||
    (registry.id === undefined && registry.name === undefined && registry.url === undefined)
  )
}

function same(listed: HarborRegistry, given: HarborRegistry | undefined): boolean {
  return given?.id === undefined ? listed.name !== undefined && listed.name === given?.name : listed.id === given.id
}
