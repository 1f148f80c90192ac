/** Tars and directories as destinations, with all that can end a run: what a run says it has kept is kept. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { computeDigest } from '../../src/core/manifest.ts'
import { layoutFiles, tarOf, unpack } from '../oci/layout/support.ts'
import { type Artifact, image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { type Gate, gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Ended, type Program, program, until } from './program.ts'

const TAR = 'out/images.tar'

function into(source: string, path: string): string {
  return policyBetween(source, 'http://unused').replace(
    '{ type: docker-registry, url: http://unused }',
    `{ type: oci-layout, path: ${path} }`,
  )
}

async function gated(images: number): Promise<Gate> {
  const gate = await gatedSource({ images })
  onTestFinished(async () => {
    gate.open()
    await gate.source.close()
  })
  return gate
}

async function sourceOf(artifacts: readonly Artifact[]): Promise<MemoryRegistry> {
  const source = await startMemoryRegistry()
  onTestFinished(() => source.close())
  artifacts.forEach((artifact, at) => void source.add('app', artifact, `v${at + 1}`))
  return source
}

/** What the tar itself says, asked by another program. */
function tagsIn(here: Program): string[] {
  const json = execFileSync('tar', ['xOf', join(here.directory, TAR), 'index.json'], { encoding: 'utf8' })
  const { manifests } = JSON.parse(json) as { manifests: { annotations: Record<string, string> }[] }
  return manifests.map(({ annotations }) => annotations['org.opencontainers.image.ref.name'] ?? '').sort()
}

async function expectWhole(here: Program, tags: readonly string[]): Promise<void> {
  expect(tagsIn(here)).toEqual(tags)
  expect(readdirSync(join(here.directory, 'out'))).toEqual(['images.tar'])
  // Every blob is read and compared.
  const copied = await here.run(['copy', `tar:${TAR}`, 'oci:unpacked'])
  expect(copied, copied.stderr).toMatchObject({ code: 0 })
}

/** `GET`s of blobs, by how they were answered. */
function reads(source: MemoryRegistry): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { method, route, status } of source.requests) {
    if (method === 'GET' && route === 'blob') counts[status] = (counts[status] ?? 0) + 1
  }
  return counts
}

describe('a run into a tar that is killed after some of its tasks', () => {
  async function killed(): Promise<{ readonly here: Program; readonly gate: Gate; readonly before: number }> {
    const gate = await gated(4)
    const here = program()
    here.write('policy.yaml', into(gate.source.url, TAR))
    const running = here.start(['run', 'policy.yaml'])
    await until('all tasks but one are done', async () => ((await here.executions())[0]?.succeed ?? 0) === 3)
    await until('half of the last blob is on the disk', () => sizeOf(here) >= gate.half)
    running.process.kill('SIGKILL')
    await running.ended
    expect(existsSync(join(here.directory, TAR))).toBe(false)
    gate.open()
    return { here, gate, before: gate.source.requests.length }
  }

  const sizeOf = (here: Program): number => {
    const staging = join(here.directory, 'out', '.images.tar.partial')
    if (!existsSync(staging)) return 0
    return Number(
      execFileSync('sh', ['-c', `cat "${staging}"/.replicate-*.partial 2>/dev/null | wc -c`], { encoding: 'utf8' }),
    )
  }

  test.each([
    ['is resumed', ['executions', 'resume', 'last']],
    ['is run again', ['run', 'policy.yaml']],
  ])('has them all in the tar when it %s, and moves no byte twice', async (_, args) => {
    const { here, gate } = await killed()
    gate.source.requests.length = 0
    const again = await here.run(args)
    expect(again, again.stderr).toMatchObject({ code: 0 })
    expect(await here.execution('last')).toMatchObject({ status: 'succeeded', succeed: 4, failed: 0 })
    // Of all blobs only the half that was missing.
    expect(reads(gate.source)).toEqual({ 206: 1 })
    await expectWhole(here, ['v1', 'v2', 'v3', 'v4'])
  })
})

describe('a run into a tar that cannot be packed', () => {
  const images = [1, 2].map((seed) => image({ layers: 1, size: 3_000_000, seed: `full ${seed}` }))
  /** No file may be larger than 4 MB: each blob fits, the tar does not. */
  const limited = (command: readonly string[]): readonly [string, ...string[]] => [
    'sh',
    '-c',
    'ulimit -f 8000; exec "$@"',
    'sh',
    ...command,
  ]

  async function full(): Promise<{ readonly here: Program; readonly source: MemoryRegistry; readonly ended: Ended }> {
    const source = await sourceOf(images)
    const here = program()
    here.write('policy.yaml', into(source.url, TAR))
    const ended = await here.run(['run', 'policy.yaml'], { wrap: limited })
    return { here, source, ended }
  }

  test('fails its tasks with the reason', async () => {
    const { here, ended } = await full()
    expect(ended.code).toBe(1)
    expect(ended.stderr + ended.stdout).toMatch(/destination to: cannot write .*packed.tar: the file would be larger/)
    const { tasks, ...execution } = await here.execution('last')
    expect(execution).toMatchObject({ status: 'failed', succeed: 0, failed: 2 })
    expect(tasks.map(({ error }) => error?.code)).toEqual(['storage', 'storage'])
    expect(existsSync(join(here.directory, TAR))).toBe(false)
  })

  test.each([
    ['resume', ['executions', 'resume', 'last']],
    ['retry', ['executions', 'retry', 'last']],
  ])('is mended by %s once there is room, without another byte of a blob', async (_, args) => {
    const { here, source } = await full()
    source.requests.length = 0
    const again = await here.run(args)
    expect(again, again.stderr).toMatchObject({ code: 0 })
    expect(await here.execution('last')).toMatchObject({ status: 'succeeded', succeed: 2 })
    expect(reads(source)).toEqual({})
    await expectWhole(here, ['v1', 'v2'])
  })

  test('keeps what the tar held', async () => {
    const source = await sourceOf([image({ seed: 'small' })])
    const here = program()
    here.write('policy.yaml', into(source.url, TAR))
    expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
    images.forEach((artifact, at) => void source.add('app', artifact, `v${at + 2}`))
    expect(await here.run(['run', 'policy.yaml'], { wrap: limited })).toMatchObject({ code: 1 })
    expect(tagsIn(here)).toEqual(['v1'])
    expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
    await expectWhole(here, ['v1', 'v2', 'v3'])
  })
})

const mayMount = process.platform === 'linux' && process.getuid?.() === 0 && canMount()

function canMount(): boolean {
  const directory = '/tmp'
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', `mount -t tmpfs -o size=1m none ${directory}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test.runIf(mayMount)('a tar needs no more room than its blobs and the largest of them', async () => {
  const source = await sourceOf(
    [1, 2, 3, 4, 5].map((seed) => image({ layers: 1, size: 2_000_000, seed: `room ${seed}` })),
  )
  const here = program()
  mkdirSync(join(here.directory, 'out'))
  here.write('policy.yaml', into(source.url, TAR))
  // A file system of its own, seen by this one program: the tar is carried out of it in the end.
  const script = 'mount -t tmpfs -o size=13m none out && "$@" && cp out/images.tar . && ls -A out'
  const wrap = (command: readonly string[]): readonly [string, ...string[]] => [
    'unshare',
    '-m',
    'sh',
    '-c',
    script,
    'sh',
    ...command,
  ]
  const ended = await here.run(['run', 'policy.yaml'], { wrap })
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(ended.stdout.trimEnd().split('\n').at(-1)).toBe('images.tar')
  const copied = await here.run(['copy', 'tar:images.tar', 'oci:unpacked'])
  expect(copied, copied.stderr).toMatchObject({ code: 0 })
})

test('Ctrl-C keeps in a tar what was whole, and resuming brings the rest', async () => {
  const gate = await gated(3)
  const here = program()
  here.write('policy.yaml', into(gate.source.url, TAR))
  const running = here.start(['run', 'policy.yaml'])
  await until('all tasks but one are done', async () => ((await here.executions())[0]?.succeed ?? 0) === 2)
  running.process.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 130 })
  expect(tagsIn(here)).toEqual(['v2', 'v3'])
  gate.open()
  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({ code: 0 })
  await expectWhole(here, ['v1', 'v2', 'v3'])
})

test('a blob into a directory is resumed by the next run, and leaves nothing behind', async () => {
  const gate = await gated(1)
  const here = program()
  const layout = join(here.directory, 'layout')
  const partial = (): readonly string[] =>
    existsSync(layout) ? readdirSync(layout).filter((name) => name.endsWith('.partial')) : []
  here.write('policy.yaml', into(gate.source.url, 'layout'))
  const running = here.start(['run', 'policy.yaml'])
  await until('half of the blob is on the disk', () => partial().length === 1)
  await until('the source waits', () => gate.source.requests.length > 0)
  running.process.kill('SIGKILL')
  await running.ended
  gate.open()
  gate.source.requests.length = 0
  const again = await here.run(['run', 'policy.yaml'])
  expect(again, again.stderr).toMatchObject({ code: 0 })
  expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
})

test('a compressed tar leaves nothing in the temporary directory, even if its reader is killed', async () => {
  const gate = await gated(1)
  gate.open()
  const here = program()
  const temporary = join(here.directory, 'tmp')
  mkdirSync(temporary)
  const env = { TMPDIR: temporary }
  await here.run(['copy', `${new URL(gate.source.url).host}/app:v1`, 'tar:small.tar'])
  writeFileSync(join(here.directory, 'small.tar.gz'), gzipSync(readFileSync(join(here.directory, 'small.tar'))))
  here.write(
    'policy.yaml',
    `
registries:
  from: { type: oci-layout, path: small.tar.gz }
  to: { type: oci-layout, path: layout }
policies:
  copy: { source: { registry: from }, destination: { registry: to, namespace: mirror } }
`,
  )
  for (const args of [['plan'], ['run'], ['verify']]) {
    const ended = await here.run([...args, 'policy.yaml'], { env })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(readdirSync(temporary)).toEqual([])
  }
  rmSync(join(here.directory, 'layout'), { recursive: true })
  const running = here.start(['run', 'policy.yaml', '--bandwidth', '100KiB/s'], { env })
  await until('it copies', () => existsSync(join(here.directory, 'layout', 'blobs')))
  running.process.kill('SIGKILL')
  await running.ended
  expect(readdirSync(temporary)).toEqual([])
})

test.each([
  ['missing', 'nowhere', /cannot write .*nowhere.*: it does not exist/],
  ['not a directory', 'policy.yaml', /cannot write .*policy.yaml.*: a part of its path is not a directory/],
])('a temporary directory that is %s is named, with what to do', async (_, name, message) => {
  const here = program()
  here.write('policy.yaml', 'policies: {}')
  writeFileSync(join(here.directory, 'a.tar.gz'), gzipSync(Buffer.alloc(1024)))
  const ended = await here.run(['copy', 'tar:a.tar.gz', 'oci:layout'], { env: { TMPDIR: join(here.directory, name) } })
  expect(ended.stderr).toMatch(message)
  expect(ended.stderr).toContain('set TMPDIR')
  expect(ended.stderr).not.toContain('bug:')
  expect(ended.code).toBe(3)
})

describe('a layout of one image without a name', () => {
  async function pulled(): Promise<{ readonly here: Program; readonly to: MemoryRegistry; readonly host: string }> {
    const to = await sourceOf([])
    const here = program()
    const built = image()
    const directory = join(here.directory, 'pulled')
    unpack(directory, layoutFiles([built.descriptor], [built]))
    execFileSync('tar', ['-C', directory, '-cf', join(here.directory, 'pulled.tar'), '.'])
    writeFileSync(
      join(here.directory, 'pulled.tar.zst'),
      zstdCompressSync(readFileSync(join(here.directory, 'pulled.tar'))),
    )
    return { here, to, host: new URL(to.url).host }
  }

  test.each([
    ['oci:pulled', 'app:one', 'app', 'one'],
    ['tar:pulled.tar', 'app:one', 'app', 'one'],
    ['tar:pulled.tar.zst', 'app:one', 'app', 'one'],
    [`oci:pulled@${image().digest}`, 'app:two', 'app', 'two'],
    ['oci:pulled', 'team/', 'team/pulled', 'latest'],
  ])('%s goes to %s', async (source, destination, repository, tag) => {
    const { here, to, host } = await pulled()
    const ended = await here.run(['copy', source, `${host}/${destination}`])
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(to.repository(repository).tags.get(tag)).toBe(image().digest)
  })

  test('is not one of two: they cannot share a tag', async () => {
    const { here, host } = await pulled()
    const both = [image(), image({ seed: 2 })].map((built, at) => ({
      ...built.descriptor,
      annotations: { 'org.opencontainers.image.ref.name': `v${at}` },
    }))
    unpack(join(here.directory, 'pulled'), layoutFiles(both, [image(), image({ seed: 2 })]))
    const ended = await here.run(['copy', 'oci:pulled', `${host}/app:one`])
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).not.toContain('bug:')
  })
})

test('a destination that cannot be written is refused by the plan', async () => {
  const source = await sourceOf([image()])
  const here = program()
  await here.run(['copy', `${new URL(source.url).host}/app:v1`, 'tar:small.tar'])
  writeFileSync(join(here.directory, 'small.tar.gz'), gzipSync(readFileSync(join(here.directory, 'small.tar'))))
  here.write('policy.yaml', into(source.url, 'small.tar.gz'))
  const ended = await here.run(['plan', 'policy.yaml'])
  expect(ended.stdout + ended.stderr).toContain('small.tar.gz is compressed: it can be read, not written')
})

describe('an archive of `docker save`', () => {
  const layer = Buffer.alloc(2048, 'x')
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [computeDigest(layer)] },
    }),
  )
  const saved = { Config: 'c.json', RepoTags: ['alpine:3', 'corp.example/team/app:1'], Layers: ['l/layer.tar'] }

  async function archive(here: Program): Promise<void> {
    const files = [
      ['c.json', config],
      ['l/layer.tar', layer],
      ['manifest.json', Buffer.from(JSON.stringify([saved]))],
    ] as const
    writeFileSync(join(here.directory, 'saved.tar'), await tarOf(files as Iterable<[string, Buffer]>))
  }

  test('is listed, verified, and copied into a registry; a second time it is unchanged', async () => {
    const here = program()
    await archive(here)
    const to = await sourceOf([])
    const listed = await here.run(['ls', 'docker-archive:saved.tar', '--json'])
    const names = listed.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { repository: string }).repository)
    expect(names).toEqual(['library/alpine', 'team/app'])
    expect(await here.run(['verify', 'docker-archive:saved.tar'])).toMatchObject({ code: 0 })
    const host = new URL(to.url).host
    const first = await here.run(['copy', 'docker-archive:saved.tar', `${host}/mirror/`])
    expect(first, first.stderr).toMatchObject({ code: 0 })
    const again = await here.run(['copy', 'docker-archive:saved.tar', `${host}/mirror/`])
    expect(again.stdout).toMatch(/total 0 .*unchanged 2/)
    const one = await here.run(['copy', 'docker-archive:saved.tar:alpine:3', `${host}/one/alpine:3`])
    expect(one, one.stderr).toMatchObject({ code: 0 })
    expect(to.repository('one/alpine').tags.get('3')).toBe(to.repository('mirror/alpine').tags.get('3'))
  })

  test('is a source in a file, also by the path of a layout, and never a destination', async () => {
    const here = program()
    await archive(here)
    here.write('policy.yaml', 'policies: { load: { source: "docker-archive:saved.tar", destination: "oci:layout" } }\n')
    const ran = await here.run(['run', 'policy.yaml'])
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    expect(await here.run(['verify', 'policy.yaml', '--full'])).toMatchObject({ code: 0 })
    expect(await here.run(['verify', 'oci:layout'])).toMatchObject({ code: 0 })
    for (const place of ['docker-archive:saved.tar', 'docker-archive:new.tar', 'tar:saved.tar']) {
      const ended = await here.run(['copy', 'oci:layout:team/app:1', `${place}:another:2`])
      expect(ended.code).not.toBe(0)
      expect(ended.stderr + ended.stdout).toContain('can be read, not written')
    }
    expect(existsSync(join(here.directory, 'new.tar'))).toBe(false)
  })
})
