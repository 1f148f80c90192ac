/** A Harbor, fake or real, with what its tests need: projects and the kinds of account that people use. */

import { type FakeHarbor, startFakeHarbor } from '../fakes/harbor.ts'
import { missingHarbor, type RealHarbor, startHarbor } from '../support/harbor.ts'
import { basic, type SeedOptions } from '../support/seed.ts'

export type Harbor = Pick<RealHarbor, 'url' | 'host' | 'api'> & {
  readonly close: () => Promise<void>
  /** To fill it with. A robot's, since each check of a user's password costs Harbor 0.1 s. */
  readonly pusher: SeedOptions
  /** Where it is one. */
  readonly fake?: FakeHarbor
}

export interface Account {
  readonly username: string
  readonly password: string
}

export const KINDS = ['fake', 'real'] as const
export type Kind = (typeof KINDS)[number]

export const ADMIN: Account = { username: 'admin', password: 'Harbor12345' }

export function isMissing(kind: Kind): boolean {
  return kind === 'real' && missingHarbor().length > 0
}

export async function startKind(kind: Kind): Promise<Harbor> {
  const started = await (kind === 'fake' ? startFake() : startReal())
  return { ...started, pusher: await pusherOf(started) }
}

async function startFake(): Promise<Omit<Harbor, 'pusher'>> {
  const fake = await startFakeHarbor()
  return { ...fake, fake }
}

async function startReal(): Promise<Omit<Harbor, 'pusher'>> {
  const { stop, ...real } = await startHarbor()
  return { ...real, close: stop }
}

export async function pusherOf(harbor: Pick<Harbor, 'api'>): Promise<SeedOptions> {
  const { username, password } = await robot(harbor, 'pusher', undefined, ['repository:pull', 'repository:push'])
  return { authorization: basic(username, password) }
}

/** What the adapter uses where it is allowed to. */
export const FULL_RIGHTS = [
  ...['repository:pull', 'repository:push', 'repository:list', 'artifact:list', 'artifact:read', 'tag:list'],
  ...['tag:delete', 'artifact:delete', 'label:list', 'label:create', 'artifact-label:create', 'quota:read'],
  ...['immutable-tag:list', 'project:read'],
] as const

/** A robot account of the project, or of the system where there is none; rights are `resource:action`. */
export async function robot(
  { api }: Pick<Harbor, 'api'>,
  name: string,
  project: string | undefined,
  rights: readonly string[],
  system: readonly string[] = [],
): Promise<Account> {
  const access = (list: readonly string[]) =>
    list.map((right) => ({ resource: right.split(':')[0], action: right.split(':')[1] }))
  const made = (await api('POST', '/robots', {
    name,
    level: project === undefined ? 'system' : 'project',
    duration: -1,
    permissions: [
      { kind: 'project', namespace: project ?? '*', access: access(rights) },
      ...(system.length > 0 ? [{ kind: 'system', namespace: '/', access: access(system) }] : []),
    ],
  })) as { name: string; secret: string }
  return { username: made.name, password: made.secret }
}

/** A user with a role in the project: 1 admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest. */
export async function member({ api }: Harbor, project: string, name: string, role: number): Promise<Account> {
  const password = 'Secret12345'
  await api('POST', '/users', { username: name, email: `${name}@example.com`, realname: name, password })
  await api('POST', `/projects/${project}/members`, { role_id: role, member_user: { username: name } })
  return { username: name, password }
}

export function immutableRule(repository: string, tag: string): unknown {
  return {
    disabled: false,
    action: 'immutable',
    template: 'immutable_template',
    tag_selectors: [{ kind: 'doublestar', decoration: 'matches', pattern: tag }],
    scope_selectors: { repository: [{ kind: 'doublestar', decoration: 'repoMatches', pattern: repository }] },
  }
}
