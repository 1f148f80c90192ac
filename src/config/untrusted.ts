/** What a file may not do under `--untrusted`: run code, touch files of this machine, or send what this machine knows to hosts it names. */

import type { AdapterFacts } from '../core/adapter.ts'
import { isForeignType } from '../core/adapter.ts'
import { isLayoutPlace } from './hosts.ts'
import { isMapping, type Mapping } from './mapping.ts'
import type { Finding } from './source.ts'

/** `content` is the file's, as far as it has any form. A variable is refused where it stands, by `interpolate`. */
export function refusals(content: unknown, types: readonly AdapterFacts[]): readonly Finding[] {
  if (!isMapping(content)) return []
  const sections = (name: string) => Object.entries(isMapping(content[name]) ? content[name] : {})
  return [
    ...(content.serve === undefined ? [] : [refused(['serve'], 'opens a port of this machine')]),
    ...(content.workers === undefined ? [] : [refused(['workers'], 'gives tasks to other machines')]),
    ...sections('registries').flatMap(([name, entry]) => ofRegistry(name, entry, types)),
    ...sections('policies').flatMap(([name, entry]) => ofPolicy(name, entry)),
  ]
}

const FILES = ['path', 'ca', 'client_cert', 'client_key'] as const
/** Credentials that this machine has of its own. */
const AMBIENT = ['aws', 'google', 'azure']

function ofRegistry(name: string, entry: unknown, types: readonly AdapterFacts[]): readonly Finding[] {
  if (!isMapping(entry)) return []
  const at = ['registries', name]
  const { type, url, credential } = entry
  const findings: Finding[] = FILES.filter((key) => entry[key] !== undefined).map((key) =>
    refused([...at, key], 'names a file of this machine'),
  )
  if (typeof type === 'string' && isForeignType(type)) findings.push(refused([...at, 'type'], 'runs code'))
  if (entry.allow_addresses !== undefined) {
    findings.push(refused([...at, 'allow_addresses'], 'opens addresses of this machine'))
  }
  const kind = isMapping(credential) ? credential.type : undefined
  if (isMapping(credential) && credential.password_file !== undefined) {
    findings.push(refused([...at, 'credential', 'password_file'], 'names a file of this machine'))
  }
  const facts = types.find(({ identity }) => identity === type)
  const isAmbient = facts?.credentials.some((one) => AMBIENT.includes(one)) && kind !== 'anonymous'
  if (isAmbient && typeof url === 'string' && !isAt(url, facts?.hosts)) {
    findings.push(refused([...at, 'url'], "would get this machine's own credential"))
  }
  return findings
}

function isAt(url: string, hosts: readonly RegExp[] = []): boolean {
  return URL.canParse(url) && hosts.some((pattern) => pattern.test(new URL(url).hostname))
}

function ofPolicy(name: string, entry: unknown): readonly Finding[] {
  if (!isMapping(entry)) return []
  const at = ['policies', name]
  const notify: readonly unknown[] = Array.isArray(entry.notify) ? entry.notify : []
  const commands = notify.flatMap((one, index) => (isMapping(one) && one.exec !== undefined ? [index] : []))
  return [
    ...(entry.values === undefined ? [] : [refused([...at, 'values'], 'names a file of this machine')]),
    ...commands.map((index) => refused([...at, 'notify', index, 'exec'], 'runs a command')),
    ...places(entry).flatMap(([path, place]) =>
      isLayoutPlace(place) ? [refused([...at, ...path], 'names a file of this machine')] : [],
    ),
  ]
}

/** Sources and destinations in each of their forms: a text, a mapping with `registry`, a list of both. */
function places(policy: Mapping): readonly (readonly [Finding['path'], string])[] {
  return ['source', 'destination'].flatMap((side) => placesIn([side], policy[side]))
}

function placesIn(path: Finding['path'], value: unknown): readonly (readonly [Finding['path'], string])[] {
  if (typeof value === 'string') return [[path, value]]
  if (Array.isArray(value)) return value.flatMap((one: unknown, index) => placesIn([...path, index], one))
  return isMapping(value) && typeof value.registry === 'string' ? [[[...path, 'registry'], value.registry]] : []
}

function refused(path: Finding['path'], why: string): Finding {
  return {
    path,
    message: `\`${path.findLast((part) => typeof part === 'string')}\` ${why}, which an untrusted file may not do`,
    hint: 'define the registry in your own configuration, or leave out --untrusted where you trust the file',
  }
}
