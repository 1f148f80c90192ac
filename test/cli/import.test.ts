/** `replicate config import`, as a user runs it. */

import { expect, test } from 'vitest'
import { program } from '../e2e/program.ts'

const VARIABLE = 'REGISTRY_EXAMPLE_COM_PASSWORD'
const REGSYNC = `version: 1
creds:
  - registry: registry.example.com
    user: pusher
    pass: hunter2
defaults:
  interval: 60m
  parallel: 2
sync:
  - source: alpine
    target: registry.example.com/library/alpine
    type: repository
    tags: {allow: [latest, '3', '3\\.\\d+']}
`

test('prints a configuration that loads, and on standard error what needs attention', async () => {
  const here = program()
  const file = here.write('regsync.yml', REGSYNC)
  const { code, stdout, stderr } = await here.run(['config', 'import', '--from', 'regsync', file])
  expect(code).toBe(0)
  expect(stderr).toBe(
    [
      `regsync.yml:5:5  the secret stays behind: \`registry.example.com\` takes it from \${${VARIABLE}}`,
      '  set REGISTRY_EXAMPLE_COM_PASSWORD; or delete `credential` and use `docker login` or the keychain',
      'regsync.yml:8:3  `parallel` has no counterpart',
      '  use `replicate run --concurrency N`, which counts blobs',
      '2 warnings',
      '',
    ].join('\n'),
  )
  expect(stdout).not.toContain('hunter2')
  const env = { REGISTRY_EXAMPLE_COM_PASSWORD: 'x' }
  const validated = await here.run(['policies', 'validate', '-'], { stdin: stdout, env })
  expect(validated).toMatchObject({ code: 0, stderr: '' })
  const unset = await here.run(['policies', 'validate', '-'], { stdin: stdout })
  expect(unset).toMatchObject({ code: 0, stderr: expect.stringContaining('REGISTRY_EXAMPLE_COM_PASSWORD is not set') })
})

test('reads standard input, and prints one document under --json', async () => {
  const { code, stdout, stderr } = await program().run(['config', 'import', '--from', 'regsync', '-', '--json'], {
    stdin: REGSYNC,
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { yaml, unmapped } = JSON.parse(stdout)
  expect(yaml).toContain('source: docker.io/library/alpine\n')
  expect(unmapped[1]).toEqual({
    file: '-',
    line: 8,
    column: 3,
    message: '`parallel` has no counterpart',
    hint: 'use `replicate run --concurrency N`, which counts blobs',
  })
})

test('a file of another format is refused with its place, and shows no line that could hold a secret', async () => {
  const here = program()
  const file = here.write('regsync.yml', REGSYNC.replace('- registry: registry.example.com\n    user', '- user'))
  const { code, stdout, stderr } = await here.run(['config', 'import', '--from', 'regsync', file])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toBe('regsync.yml:3:5  this is not a file of regsync: `registry` is missing\n')
  const other = await here.run(['config', 'import', '--from', 'dregsy', file, '--json'])
  expect(other.code).toBe(2)
  expect(JSON.parse(other.stdout)).toMatchObject({ type: 'error', code: 'configuration', line: 1, column: 1 })
  expect(stderr + other.stdout + other.stderr).not.toContain('hunter2')
})

test('what is missing on the command line is said', async () => {
  const here = program()
  const file = here.write('sync.yml', 'quay.io: {images: {org/app: [v1]}}')
  const results = [
    await here.run(['config', 'import', file]),
    await here.run(['config', 'import', '--from', 'rsync', file]),
    await here.run(['config', 'import', '--from', 'skopeo', file]),
    await here.run(['config', 'import', '--from', 'skopeo', '--to', 'r.example.com/m', 'nowhere.yml']),
    await here.run(['config', 'import', '--from', 'skopeo', '--to', 'https://r.example.com/m', file]),
    await here.run(['config', 'import', '--from', 'skopeo', '--to', 'oci:./there', file]),
  ]
  expect(results.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2])
  expect(results.slice(4).map(({ stdout, stderr }) => stdout + stderr)).toEqual([
    'error: --to: `https://` has no place in a reference\n  write `r.example.com/m`\n',
    'error: --to: a layout is not a registry\n  name a registry here, and change `destination:` in the result\n',
  ])
  const [tool, unknown, to, nowhere] = results.map(({ stderr }) => stderr)
  expect(tool).toContain("required option '--from <tool>' not specified")
  expect(unknown).toContain('Allowed choices are regsync, skopeo, image-syncer, dregsy, harbor')
  expect(to).toContain('--to registry.example.com/mirror')
  expect(nowhere).toContain('no such file')
})
