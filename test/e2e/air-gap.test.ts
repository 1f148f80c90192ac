/** The whole way over an air gap: filled with a crash on the way, carried, listed, verified, loaded, and verified again. */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Listed } from '../../src/core/inventory.ts'
import { cosignSignature, image, index, referrer } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { pathOfTool } from '../support/tools.ts'
import { type Gate, gatedSource } from './gate.ts'
import { type Program, program, until } from './program.ts'

const arm = { os: 'linux', architecture: 'arm64' }
const both = index([image({ seed: 'amd' }), image({ seed: 'arm', platform: arm })])
const sbom = referrer(both.descriptor)
const signature = cosignSignature(both.descriptor)
const redis = image({ seed: 'redis' })

/** `app:v1`, whose layer waits; `app:v2`; and two repositories with one tag, of which one is signed. */
async function outside(): Promise<Gate> {
  const gate = await gatedSource({ images: 2 })
  onTestFinished(async () => {
    gate.open()
    await gate.source.close()
  })
  gate.source.add('library/alpine', both, 'latest')
  gate.source.add('library/alpine', sbom)
  gate.source.add('library/alpine', signature.artifact, signature.tag)
  gate.source.add('library/redis', redis, 'latest')
  return gate
}

async function inside(): Promise<{ readonly url: string; readonly host: string }> {
  const [real] = availableServers().filter((name) => name !== 'docker-registry')
  const server: { url: string; stop(): Promise<void> } | MemoryRegistry = real
    ? await startServer(real)
    : await startMemoryRegistry()
  onTestFinished(() => ('stop' in server ? server.stop() : server.close()))
  return { url: server.url, host: new URL(server.url).host }
}

function policies(source: string, path: string, destination: string): string {
  return `
registries:
  outside: { type: docker-registry, url: ${source} }
  stick: { type: oci-layout, path: ${path} }
  inside: { type: docker-registry, url: ${destination} }
policies:
  pack: { source: { registry: outside }, destination: { registry: stick } }
  unpack: { source: { registry: stick }, destination: { registry: inside } }
`
}

/** Bytes of blobs that are not finished. */
function unfinished(directory: string): number {
  if (!existsSync(directory)) return 0
  const names = readdirSync(directory).filter((name) => name.startsWith('.replicate-') && name.endsWith('.partial'))
  return names.reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0)
}

async function ok(here: Program, ...args: readonly string[]): Promise<string> {
  const ended = await here.run(args)
  expect(ended, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
  return ended.stdout
}

describe.each([
  ['a directory', 'images', 'oci:carried/images'],
  ['a tar', 'images.tar', 'tar:carried/images.tar'],
])('%s', (_, name, place) => {
  test('is filled, crashes, is filled on, carried, listed, verified, loaded, and verified again', async () => {
    const gate = await outside()
    const registry = await inside()
    const here = program()
    const at = (...parts: readonly string[]): string => join(here.directory, ...parts)
    mkdirSync(at('stick'))
    mkdirSync(at('carried'))
    here.write('pack.yaml', policies(gate.source.url, `stick/${name}`, registry.url))
    const packing = here.start(['run', 'pack.yaml', '--policy', 'pack'])
    const waiting = name.endsWith('.tar') ? at('stick', `.${name}.partial`) : at('stick', name)
    await until('half of a blob is on the stick', () => unfinished(waiting) >= gate.half)
    packing.process.kill('SIGKILL')
    await packing.ended
    gate.open()
    await ok(here, 'run', 'pack.yaml', '--policy', 'pack')

    // Nothing but what is to be carried.
    expect(readdirSync(at('stick'))).toEqual([name])
    if (name === 'images') expect(readdirSync(at('stick', name)).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
    renameSync(at('stick', name), at('carried', name))

    const listed = (await ok(here, 'ls', place, '--json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Listed)
    expect(listed.map(({ repository, tag, ref }) => [repository, tag, ref])).toEqual([
      ['app', 'v1', 'v1'],
      ['app', 'v2', 'v2'],
      ['library/alpine', 'latest', 'library-alpine-latest'],
      ['library/redis', 'latest', 'library-redis-latest'],
    ])
    expect(listed[2]?.details?.referrers).toHaveLength(2)
    expect(await ok(here, 'verify', place)).toContain('all sound')
    await expectFlipFound(here, at('carried', name), place)
    if (name === 'images') await expectToolsToRead(at('carried', name), listed)

    here.write('unpack.yaml', policies(gate.source.url, `carried/${name}`, registry.url))
    await gate.source.close()
    await ok(here, 'run', 'unpack.yaml', '--policy', 'unpack')
    expect(await ok(here, 'verify', 'unpack.yaml', '--policy', 'unpack', '--full')).toContain('no difference')
    expect(await ok(here, 'verify', `${registry.host}/library/alpine:latest`, '--full')).toContain('all sound')
    const there = JSON.parse(await ok(here, 'ls', `${registry.host}/library/alpine:latest`, '--json')) as Listed
    expect(there.digest).toBe(both.digest)
    expect(there.details?.referrers.map(({ digest }) => digest).sort()).toEqual(
      [sbom.digest, signature.artifact.digest].sort(),
    )
    // Once more finds nothing to do, on either side.
    expect(await ok(here, 'run', 'unpack.yaml', '--policy', 'unpack')).toContain('unchanged 4')
  })
})

/** A byte of a layer flips, is found and named, and flips back. */
async function expectFlipFound(here: Program, path: string, place: string): Promise<void> {
  const layer = [...redis.blobs.values()].at(-1) ?? Buffer.alloc(0)
  const digest = [...redis.blobs.keys()].at(-1) ?? ''
  const file = statSync(path).isDirectory() ? join(path, 'blobs', digest.replace(':', '/')) : path
  const bytes = readFileSync(file)
  const start = bytes.indexOf(layer)
  const flip = (): void => {
    bytes[start + 100] = (bytes[start + 100] ?? 0) ^ 0x10
    writeFileSync(file, bytes)
  }
  flip()
  const ended = await here.run(['verify', place])
  expect(ended.code).toBe(1)
  expect(ended.stdout).toContain(`✗ library/redis:latest  damaged blob ${digest}`)
  flip()
  await ok(here, 'verify', place)
}

/** Each tool by the name that is shown for it. */
async function expectToolsToRead(path: string, listed: readonly Listed[]): Promise<void> {
  const reading: readonly [string, (ref: string) => readonly string[]][] = [
    ['skopeo', (ref) => ['inspect', '--raw', `oci:${path}:${ref}`]],
    ['oras', (ref) => ['manifest', 'fetch', '--oci-layout', `${path}:${ref}`]],
    ['regctl', (ref) => ['manifest', 'get', '--format', 'raw-body', `ocidir://${path}:${ref}`]],
  ]
  for (const [tool, args] of reading) {
    const program = pathOfTool(tool)
    if (program === undefined) continue
    for (const { ref, digest } of listed) {
      const { stdout } = await promisify(execFile)(program, [...args(ref ?? '')])
      const blob = readFileSync(join(path, 'blobs', (digest ?? '').replace(':', '/')), 'utf8')
      expect(stdout.trim(), `${tool} ${ref}`).toBe(blob.trim())
    }
  }
}
