/** One meaning of each exit status, in every command that talks to a registry. */

import { expect, test } from 'vitest'
import { authority } from '../support/authority.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

type Statuses = Readonly<Record<'run' | 'plan' | 'verify' | 'copy' | 'ls' | 'ping', number>>

const NOT_BEGUN: Statuses = { run: 3, plan: 3, verify: 3, copy: 3, ls: 3, ping: 3 }

/** What each command ends with, for a policy whose source is at `from` and which selects `name`. */
async function statuses(from: string, to: string, name: string): Promise<Partial<Record<string, number>>> {
  const here = program()
  const file = here.write('policy.yaml', policyBetween(from, to, `    filters: { name: ["${name}"] }`))
  const config = ['--config', file]
  const commands: Readonly<Record<keyof Statuses, readonly string[]>> = {
    plan: ['plan', file],
    verify: ['verify', file],
    ls: ['ls', `from/${name}:*`, ...config],
    ping: ['registries', 'ping', 'from', ...config],
    run: ['run', file],
    copy: ['copy', `from/${name}:*`, 'to/other/', ...config],
  }
  const ended: Partial<Record<string, number>> = {}
  for (const [command, args] of Object.entries(commands)) ended[command] = (await here.run(args)).code
  return ended
}

test('a registry that is not reached', async () => {
  const to = await registry()
  expect(await statuses('http://127.0.0.1:1', to.url, 'app')).toEqual(NOT_BEGUN)
})

test('plain HTTP to a server of TLS, and TLS to one of plain HTTP', async () => {
  const [plain, tls] = [await registry(), await registry({ tls: authority('root').issue('IP:127.0.0.1') })]
  expect(await statuses(tls.url.replace('https:', 'http:'), plain.url, 'app')).toEqual(NOT_BEGUN)
  expect(await statuses(plain.url.replace('http:', 'https:'), plain.url, 'app')).toEqual(NOT_BEGUN)
})

test('a registry that refuses the credential, or fails whatever it is asked', async () => {
  const closed = await registry({ auth: { kind: 'basic', user: 'ann', password: 'right' } })
  const broken = await registry({ fault: () => ({ status: 410 }) })
  const to = await registry()
  expect(await statuses(closed.url, to.url, 'app')).toEqual(NOT_BEGUN)
  expect(await statuses(broken.url, to.url, 'app')).toEqual(NOT_BEGUN)
})

test('what is named and not there fails, what selects nothing is not begun', async () => {
  const [from, to] = [await registry(), await registry()]
  from.add('app', image(), 'v1')
  expect(await statuses(from.url, to.url, 'none')).toEqual({ run: 1, plan: 0, verify: 1, copy: 1, ls: 1, ping: 0 })
  expect(await statuses(from.url, to.url, 'none*')).toEqual({ run: 3, plan: 3, verify: 3, copy: 3, ls: 1, ping: 0 })
  expect(await statuses(from.url, to.url, 'app')).toEqual({ run: 0, plan: 0, verify: 1, copy: 0, ls: 0, ping: 0 })
})
