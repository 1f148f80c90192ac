/** `replicate credentials` where there is no keychain, and where it is called wrongly. */

import { afterEach, expect, test } from 'vitest'
import { type Program, program } from '../e2e/program.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

function prepared(registries: string, env: Readonly<Record<string, string>> = {}): Program {
  const here = program({ REPLICATE_CONFIG: 'config.yaml', ...env })
  here.write('config.yaml', `registries:\n${registries}`)
  return here
}

const PLAIN = '  harbor: { type: docker-registry, url: https://harbor.example.com }\n'

test.runIf(process.platform === 'linux').each([
  [
    'set',
    ['set', 'harbor', '--username', 'ann', '--stdin'],
    /REPLICATE_HARBOR_USERNAME=ann.*registries update harbor --username ann --password-env HARBOR_PASSWORD.*docker login/,
  ],
  ['delete', ['delete', 'harbor'], /REPLICATE_<NAME>_USERNAME.*password_file:.*docker login/],
])('%s without a keychain says what to use instead', async (_, args, instead) => {
  const { code, stdout, stderr } = await prepared(PLAIN).run(['credentials', ...args], { stdin: 's3cret-value' })
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  expect(stderr).toContain('this machine has no keychain')
  expect(stderr).toMatch(instead)
  expect(stderr).not.toContain('s3cret-value')
})

test.each([
  ['a registry that is not there', ['set', 'nowhere'], 'no registry is named `nowhere`'],
  [
    'a type that the adapter does not take',
    ['set', 'harbor', '--type', 'access_key'],
    'takes no credential of type access_key',
  ],
  ['a registry that needs none', ['set', 'archive'], 'takes no credential'],
  ['a password as an option', ['set', 'harbor', '--password', 'x'], "unknown option '--password'"],
  ['a type that does not exist', ['set', 'harbor', '--type', 'magic'], 'Allowed choices are basic, token'],
])('refuses %s before anything is asked', async (_, args, message) => {
  const here = prepared(`${PLAIN}  archive: { type: oci-layout, path: ./archive }\n`)
  const { code, stdout, stderr } = await here.run(['credentials', ...args])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(message)
})

test('check tells where each comes from and what the registry says, with status 3 where one is refused', async () => {
  const auth = { kind: 'basic', user: 'ann', password: 's3cret-value' } as const
  const [open, closed] = [await startMemoryRegistry(), await startMemoryRegistry({ auth })]
  opened.push(open, closed)
  const registries = `  open: { type: docker-registry, url: '${open.url}' }
  closed: { type: docker-registry, url: '${closed.url}' }
  wrong: { type: docker-registry, url: '${closed.url}', credential: { type: basic, username: bob, password: '\${WRONG}' } }
  archive: { type: oci-layout, path: ./archive }
`
  const here = prepared(registries, {
    WRONG: 'wr0ng-value',
    REPLICATE_CLOSED_USERNAME: 'ann',
    REPLICATE_CLOSED_PASSWORD: 's3cret-value',
  })
  const { code, stdout, stderr } = await here.run(['credentials', 'check'])
  expect(code).toBe(3)
  expect(stdout).toMatch(/^✓ open {2}no credential found {2}answers without one$/m)
  expect(stdout).toMatch(/^✓ closed {2}environment \(REPLICATE_CLOSED_USERNAME\), ann {2}accepted$/m)
  expect(stdout).toMatch(/^✗ wrong {2}credential in the configuration, bob\n {4}.*refused bob/m)
  expect(stdout + stderr).not.toMatch(/s3cret-value|wr0ng-value|archive/)
  expect(await here.run(['credentials', 'check', 'open', 'archive'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('✓ archive  needs no credential'),
  })

  const json = await here.run(['credentials', 'list', '--json'])
  expect(JSON.parse(json.stdout)).toEqual([
    {
      registry: 'open',
      configured: true,
      origin: 'no credential found',
      kind: 'anonymous',
      username: null,
      error: null,
    },
    expect.objectContaining({ registry: 'closed', kind: 'basic', username: 'ann' }),
    expect.objectContaining({ registry: 'wrong', origin: 'credential in the configuration', username: 'bob' }),
  ])
})

test('list shows a place that cannot be used where the others are', async () => {
  const here = prepared(`${PLAIN}  half: { type: docker-registry, url: https://half.example.com }\n`, {
    REPLICATE_HALF_USERNAME: 'ann',
  })
  const { code, stdout } = await here.run(['credentials', 'list'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^harbor +no credential found$/m)
  expect(stdout).toMatch(/^half +✗ REPLICATE_HALF_USERNAME is set, but REPLICATE_HALF_PASSWORD is not$/m)
})
