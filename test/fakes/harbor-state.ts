/** What the fake Harbor knows beside content: projects, accounts and their rights, labels, rules. */

import { randomBytes } from 'node:crypto'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { Refusal } from '../support/memory-reply.ts'

export interface Project {
  readonly id: number
  readonly name: string
  readonly public: boolean
  /** Only what cosign has signed may be pulled. */
  readonly trust: boolean
  /** Of the registry that it caches. */
  readonly registry?: number
  /** In bytes; -1 for no limit. */
  readonly limit: number
  readonly immutable: { readonly id: number; readonly body: Record<string, unknown> }[]
  readonly members: Map<string, number>
}

export interface Account {
  readonly name: string
  readonly password: string
  readonly kind: 'user' | 'robot'
  readonly admin?: boolean
  /** Of a robot: `resource:action` by project, where `*` is all of them and `/` the system. */
  readonly rights?: ReadonlyMap<string, ReadonlySet<string>>
}

export interface Label {
  readonly id: number
  readonly name: string
  readonly scope: 'g' | 'p'
  readonly project_id: number
}

export interface HarborState {
  readonly content: MemoryRegistry
  readonly projects: Map<string, Project>
  readonly accounts: Map<string, Account>
  readonly labels: Label[]
  /** Numbers of labels by `repository@digest`. */
  readonly attached: Map<string, Set<number>>
  /** When and as which number an artifact came, by `repository@digest`. */
  readonly artifacts: Map<string, { readonly id: number; readonly time: string }>
  readonly tokens: Map<string, { readonly account: Account | undefined; readonly actions: Map<string, Set<string>> }>
  readOnly: boolean
  looping: boolean
  next(): number
}

const LISTS = ['repository:list', 'repository:read', 'artifact:list', 'artifact:read', 'tag:list', 'label:list']
const READS = ['repository:pull', 'project:read', 'quota:read', ...LISTS]
const WRITES = ['repository:push', 'tag:create', 'artifact-label:create']
const MAINTAINS = ['repository:delete', 'tag:delete', 'artifact:delete', 'label:create', 'immutable-tag:list']
const ROLES: Readonly<Record<number, readonly string[]>> = {
  1: [...READS, ...WRITES, ...MAINTAINS],
  2: [...READS, ...WRITES],
  3: READS,
  4: [...READS, ...WRITES, ...MAINTAINS],
  5: READS,
}

/** Whether the account (undefined: anonymous) may do that in the project. */
export function may(account: Account | undefined, project: Project | undefined, right: string): boolean {
  if (account?.admin) return true
  if (!project) return false
  if (project.public && READS.includes(right) && right !== 'quota:read') return true
  if (!account) return false
  if (account.kind === 'user') return (ROLES[project.members.get(account.name) ?? 0] ?? []).includes(right)
  return [project.name, '*'].some((name) => account.rights?.get(name)?.has(right))
}

/** Whether the account has any part in the project. */
export function sees(account: Account | undefined, project: Project): boolean {
  if (account?.admin || project.public) return true
  if (account?.kind === 'user') return project.members.has(account.name)
  return account?.rights?.has(project.name) === true || account?.rights?.has('*') === true
}

export function projectOf(state: HarborState, repository: string): Project | undefined {
  return state.projects.get(repository.split('/', 1)[0] ?? '')
}

/** A refusal as Harbor words them: without `detail`. */
export function refused(status: number, code: string, message: string, headers: Record<string, string> = {}): Refusal {
  return new Refusal(status, code, message, { headers })
}

/** The account of Basic; undefined for anonymous access and for a wrong password alike. */
export function signedIn(state: HarborState, authorization: string | undefined): Account | undefined {
  const encoded = /^Basic (.+)$/.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const [name = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  const account = state.accounts.get(name)
  return account?.password === rest.join(':') ? account : undefined
}

export function secret(): string {
  return randomBytes(16).toString('hex')
}

export function usedBytes(state: HarborState, project: string): number {
  const sizes = new Map<string, number>()
  for (const [name, { blobs, manifests }] of state.content.repositories) {
    if (!name.startsWith(`${project}/`)) continue
    for (const [digest, blob] of blobs) sizes.set(digest, 'byteLength' in blob ? blob.byteLength : blob.size)
    for (const [digest, { bytes }] of manifests) sizes.set(digest, bytes.byteLength)
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}
