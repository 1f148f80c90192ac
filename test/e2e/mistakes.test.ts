/** Mistakes in what the user wrote: all told at once, with their places; nothing is contacted. */

import { expect, onTestFinished, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

async function watched(): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry()
  onTestFinished(() => registry.close())
  registry.add('app', image(), 'v1')
  return registry
}

test.each(['run', 'plan', 'policies validate'])('every error of a file at once: %s', async (command) => {
  const registry = await watched()
  const here = program()
  here.write(
    'policy.yaml',
    `registries:
  from: { type: docker-registry, url: ${registry.url} }
  to:
    type: docker-registri
    url: ${registry.url}
    credential: { username: ann, password: hunter2-secret }
policies:
  copy:
    source: { registry: form }
    destination: { registry: to }
    filters:
      tags: ["1.*"]
      name: "lib/{a,b"
      semver: "not a range"
    override: yes please
  more:
    source: from
    destination: \${NOT_SET}
  more:
    source: from
`,
  )
  const { code, stdout, stderr } = await here.run([...command.split(' '), 'policy.yaml'])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  const places = [...stderr.matchAll(/^policy\.yaml:(\d+):(\d+) {2}/gm)].map(([, line]) => Number(line))
  expect(places).toEqual([...places].sort((a, b) => a - b))
  for (const line of [4, 6, 9, 12, 13, 14, 15, 18, 19]) expect(places, `line ${line}\n${stderr}`).toContain(line)
  expect(stderr).toContain('did you mean `docker-registry`?')
  expect(stderr).toContain('did you mean `from`?')
  expect(stderr).toContain('did you mean `tag`?')
  expect(stderr).toContain('NOT_SET')
  expect(stderr).not.toContain('hunter2-secret')
  expect(registry.requests).toEqual([])
})

test('under --json each error is a line with its place', async () => {
  const here = program()
  here.write(
    'policy.yaml',
    policyBetween('http://localhost:1', 'http://localhost:2', '    overide: false\n    oder: x'),
  )
  const { code, stdout } = await here.run(['run', 'policy.yaml', '--json'])
  const lines = stdout.trimEnd().split('\n')
  expect(code).toBe(2)
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ type: 'error', code: 'configuration', file: 'policy.yaml', line: 10, column: 5 }),
    expect.objectContaining({ type: 'error', hint: expect.stringContaining('order'), line: 11 }),
  ])
})

test.each([
  [['runn', 'policy.yaml'], 'did you mean `run`?'],
  [['run', 'policy.yaml', '--concurency', '3'], 'did you mean `--concurrency`?'],
  [['run', 'policy.yaml', '--concurrency', 'many'], 'a whole number from 1 on'],
  [['run', 'policy.yaml', '--bandwidth', 'fast'], '50MiB/s'],
  [['run', 'policy.yaml', '--filter', 'tags=3.*'], 'name, tag, resource, label'],
  [['run', 'policy.yaml', '--policy', 'cpoy'], 'did you mean `copy`?'],
  [['run', 'missing.yaml'], 'missing.yaml'],
  [['run', 'base-images'], 'there is no policy base-images'],
  [['run'], 'there is no policy to run'],
  [['copy', 'localhost:1/app:v1'], "missing required argument 'destination'"],
  [['copy', 'localhost:1/{a:v1', 'oci:copy'], '{'],
  [['executions', 'show', '7'], 'there is no execution 7'],
  [['executions', 'list', '--status', 'fail'], 'did you mean `failed`?'],
  [['adapters', 'show', 'zott'], 'did you mean `zot`?'],
])('replicate %j says what it should have been', async (args, said) => {
  const here = program()
  here.write('policy.yaml', policyBetween('http://localhost:1', 'http://localhost:2'))
  const { code, stdout, stderr } = await here.run(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(said)
  expect(stderr).not.toContain('bug:')
})

test('standard input is a file too, and its mistakes have places', async () => {
  const registry = await watched()
  const here = program()
  const bad = await here.run(['run', '-'], { stdin: 'policies:\n  x: { source: localhost:1/a, destinatoin: oci:x }\n' })
  expect(bad.code).toBe(2)
  expect(bad.stderr).toMatch(/:2:\d+ {2}.*destinatoin/)
  const good = await here.run(['run', '-'], {
    stdin: `policies:\n  x: { source: '${registry.host}/app', destination: oci:copy }\n`,
  })
  expect(good).toMatchObject({ code: 0 })
})

test.each(['run', 'plan', 'verify'])(
  '%s says which certificate cannot be read, where neither side has one',
  async (command) => {
    const here = program()
    here.write(
      'policy.yaml',
      `registries:
  from: { type: docker-registry, url: "https://127.0.0.1:1", ca: ./missing.pem }
  to: { type: docker-registry, url: "https://127.0.0.1:2", ca: ./missing.pem }
policies:
  copy: { source: from/app, destination: to/mirror }
`,
    )
    const { code, stderr } = await here.run([command, 'policy.yaml'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^policy\.yaml:2:\d+ {2}registry from: ca does not exist: .*missing\.pem\n/),
    })
  },
)

test.each([
  ['a promise that nothing waits for', 'Promise.reject(new Error("stray"))'],
  ['a callback that throws', 'setImmediate(() => { throw new Error("stray") })'],
])('an error that nothing catches is told once and ends the run cleanly: %s', async (_, code) => {
  const registry = await watched()
  const here = program()
  // The adapter never answers: only the error can end the run.
  here.write(
    'mine.js',
    `export const adapter = ({ ociRegistry }) => ({
      identity: 'mine', name: 'Mine', description: 'of a test', resources: ['image'], filters: ['name', 'tag'],
      credentials: ['basic'], quirks: [], listing: 'none',
      open: () => ({
        ping: (ctx) => { ${code}; return new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))) },
        repository: () => { throw new Error('not reached') },
      }),
    })`,
  )
  here.write(
    'policy.yaml',
    policyBetween(registry.url, registry.url).replace('type: docker-registry', 'type: ./mine.js'),
  )
  const ended = await here.run(['run', 'policy.yaml'])
  expect(ended.code).toBe(1)
  expect(ended.stderr.match(/bug:/g)).toHaveLength(1)
  expect(ended.stderr).toContain('Error: stray')
  expect(await here.execution('last')).toMatchObject({ status: 'stopped' })
})

test('a history that cannot be opened is told once, and under --json the exit status is still the last line', async () => {
  const registry = await watched()
  const here = program()
  here.write('home', 'a file where the directory should be')
  here.write('policy.yaml', policyBetween(registry.url, registry.url.replace('127.0.0.1', 'localhost')))
  const plain = await here.run(['run', 'policy.yaml'])
  expect(plain.stderr.match(/its directory cannot be made/g)).toHaveLength(1)
  const { code, stdout, stderr } = await here.run(['run', 'policy.yaml', '--json'])
  const types = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).type)
  expect({ code, stderr, types }).toEqual({ code: plain.code, stderr: '', types: ['error', 'exit'] })
})

test.runIf(process.platform === 'linux')(
  'a history whose disk fills up does not say that the execution still runs',
  async () => {
    const registry = await watched()
    const here = program()
    here.write('policy.yaml', policyBetween(registry.url, registry.url.replace('127.0.0.1', 'localhost')))
    for (let tag = 0; tag < 600; tag += 1) registry.add('app', image({ seed: 'same' }), `v${tag}`)
    // In blocks of 512 bytes: room for the tables, and not for the tasks.
    const limited = ([...command]: readonly string[]) =>
      ['sh', '-c', 'ulimit -f 800; exec "$@"', 'sh', ...command] as const
    const ended = await here.start(['run', 'policy.yaml'], { wrap: limited }).ended
    expect(ended.stderr).toContain('cannot be used: the disk')
    // Failed, where that could still be written.
    const [, said] = /^Execution 1 (interrupted|failed)/.exec(ended.stdout) ?? []
    expect(said, ended.stdout).toBeDefined()
    expect(await here.execution('last')).toMatchObject({ status: said })
  },
)

test('--untrusted contacts nobody for a file that uses a variable of this machine, and the user is trusted still', async () => {
  const registry = await watched()
  const here = program({ SECRET: 'hunter2-secret' })
  here.write('policy.yaml', policyBetween(registry.url, `"${registry.url}/\${SECRET}"`))
  const refused = await here.run(['plan', 'policy.yaml', '--untrusted'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('SECRET}` could be sent') })
  expect(registry.requests).toEqual([])
  expect(await here.run(['plan', '--config', 'policy.yaml', '--untrusted'])).toMatchObject({
    stderr: expect.not.stringContaining('could be sent'),
  })
})
