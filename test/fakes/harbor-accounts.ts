/** The fake Harbor's users, members and robots. */

import { z } from 'zod'
import type { Reply } from '../support/memory-registry.ts'
import { json } from '../support/memory-reply.ts'
import { type Ask, forbidden, unauthorized } from './harbor-api.ts'
import { type Project, refused, secret } from './harbor-state.ts'

const ROBOT = z.object({
  name: z.string(),
  level: z.enum(['system', 'project']),
  duration: z.number(),
  permissions: z.array(
    z.object({
      kind: z.enum(['system', 'project']),
      namespace: z.string(),
      access: z.array(z.object({ resource: z.string(), action: z.string() })),
    }),
  ),
})

export function makeAccount({ method, account, body, state }: Ask, kind: 'users' | 'robots'): Reply {
  if (method !== 'POST') throw refused(404, 'NOT_FOUND', 'not found')
  if (!account) throw unauthorized()
  if (!account.admin) throw forbidden(account)
  if (kind === 'users') {
    const name = String(body.username)
    state.accounts.set(name, { name, password: String(body.password), kind: 'user' })
    return { status: 201 }
  }
  const robot = ROBOT.parse(body)
  const place = robot.level === 'project' ? `${robot.permissions[0]?.namespace}+` : ''
  const name = `robot$${place}${robot.name}`
  if (state.accounts.has(name)) throw refused(409, 'CONFLICT', `robot ${name} already exists`)
  const rights = new Map(
    robot.permissions.map(({ namespace, access }) => [
      namespace,
      new Set(access.map(({ resource, action }) => `${resource}:${action}`)),
    ]),
  )
  const password = secret()
  state.accounts.set(name, { name, password, kind: 'robot', rights })
  return json(201, { id: state.next(), name, secret: password, expires_at: -1 })
}

export function setMember({ body }: Ask, project: Project): Reply {
  const { role_id, member_user } = z
    .object({ role_id: z.number(), member_user: z.object({ username: z.string() }) })
    .parse(body)
  project.members.set(member_user.username, role_id)
  return { status: 201 }
}
