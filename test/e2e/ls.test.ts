/** `ls`: what a registry, a layout or an archive holds, and what the question costs. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Listed } from '../../src/core/inventory.ts'
import { layoutFiles, openLayout, push, unpack } from '../oci/layout/support.ts'
import { cosignSignature, image, index, referrer } from '../support/images.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { type Program, program } from './program.ts'

const amd = image({ seed: 'amd' })
const arm = image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } })
const both = index([amd, arm])
const sbom = referrer(both.descriptor)
const signature = cosignSignature(amd.descriptor)

async function filled(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry(options)
  onTestFinished(() => registry.close())
  registry.add('library/alpine', both, '3.20')
  registry.add('library/alpine', amd, '3.9')
  registry.add('library/alpine', sbom)
  registry.add('library/alpine', signature.artifact, signature.tag)
  registry.add('library/redis', arm, 'latest')
  registry.add('team/app', image({ seed: 3 }), '1.0')
  return registry
}

const hostOf = (registry: MemoryRegistry): string => new URL(registry.url).host

/** The lines of its output, of a run that must succeed. */
async function ls(here: Program, ...args: readonly string[]): Promise<readonly string[]> {
  const ended = await here.run(['ls', ...args])
  expect(ended, ended.stderr).toMatchObject({ code: 0, stderr: '' })
  return ended.stdout.split('\n').slice(0, -1)
}

async function listed(here: Program, ...args: readonly string[]): Promise<readonly Listed[]> {
  return (await ls(here, ...args, '--json')).map((line) => JSON.parse(line) as Listed)
}

const asked = (registry: MemoryRegistry): string[] =>
  registry.requests.filter(({ route }) => route !== 'ping').map(({ method, route }) => `${method} ${route}`)

describe('a registry', () => {
  test('is listed by repositories, those of a namespace, and tags, with one request each', async () => {
    const registry = await filled()
    const host = hostOf(registry)
    const here = program()
    expect(await ls(here, host)).toEqual(['library/alpine', 'library/redis', 'team/app'])
    expect(await ls(here, `${host}/library/`)).toEqual(['library/alpine', 'library/redis'])
    expect(await ls(here, `${host}/*/r*`)).toEqual(['library/redis'])
    expect(await listed(here, `${host}/team/`)).toEqual([{ repository: 'team/app' }])
    registry.requests.length = 0
    expect(await ls(here, `${host}/library/alpine`)).toEqual([
      'library/alpine:3.9',
      'library/alpine:3.20',
      `library/alpine:${signature.tag}`,
    ])
    expect(asked(registry)).toEqual(['GET tags'])
    expect(await ls(here, `${host}/library/*:3.*`)).toEqual(['library/alpine:3.9', 'library/alpine:3.20'])
  })

  test('shows all of one tag: platforms, sizes, referrers', async () => {
    const registry = await filled()
    const lines = await ls(program(), `${hostOf(registry)}/library/alpine:3.20`)
    expect(lines.join('\n')).toMatch(/^library\/alpine:3.20\n {2}digest {6}sha256:/)
    expect(lines).toContain(`  type        image  ${both.mediaType}`)
    expect(lines.find((line) => line.includes('linux/arm64/v8'))).toContain(arm.digest)
    expect(lines).toContainEqual(expect.stringContaining(`referrer    ${sbom.digest}  application/vnd.example.sbom.v1`))
    expect(lines).toContainEqual(expect.stringContaining(`${signature.tag}`))
  })

  test('reads each manifest of a tag once, and no layer', async () => {
    const registry = await filled()
    const reads = async (reference: string): Promise<readonly number[]> => {
      registry.requests.length = 0
      await ls(program(), `${hostOf(registry)}/${reference}`)
      const gets = asked(registry).filter((request) => request.startsWith('GET '))
      return ['GET manifest', 'GET blob'].map((request) => gets.filter((one) => one === request).length)
    }
    // An image alone has its platform in its config.
    expect(await reads('team/app:1.0')).toEqual([1, 1])
    expect(await reads('library/alpine:3.20')).toEqual([3, 0])
  })

  test('shows as much of every tag with --long, and each referrer beside what it refers to', async () => {
    const registry = await filled()
    const here = program()
    const rows = await ls(here, '-l', `${hostOf(registry)}/library/alpine`)
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3).join('|'))).toEqual([
      'IMAGE|TYPE|PLATFORMS',
      'library/alpine:3.9|image|linux/amd64',
      'library/alpine:3.20|image|linux/amd64, linux/arm64/v8',
    ])
    const [first, second] = await listed(here, '--long', `${hostOf(registry)}/library/alpine`)
    expect(first?.details?.referrers).toMatchObject([{ tag: signature.tag, subject: amd.digest }])
    expect(second?.details?.referrers.map(({ digest }) => digest).sort()).toEqual(
      [sbom.digest, signature.artifact.digest].sort(),
    )
    expect(second?.details?.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64/v8'])
  })

  test('may have a name in the configuration', async () => {
    const registry = await filled()
    const here = program()
    const file = here.write('c.yaml', `registries: { hub: { type: docker-registry, url: ${registry.url} } }\n`)
    expect(await ls(here, 'hub/team/app', '--config', file)).toEqual(['team/app:1.0'])
  })

  test('says what is not there, with status 1', async () => {
    const host = hostOf(await filled())
    const here = program()
    for (const [reference, message] of [
      [`${host}/team/app:2.0`, `error: team/app:2.0: is not in ${host}`],
      [`${host}/team/other`, `error: team/other: there is no such repository in ${host}`],
    ] as const) {
      expect(await here.run(['ls', reference])).toMatchObject({ code: 1, stdout: '', stderr: `${message}\n` })
      const { code, stdout } = await here.run(['ls', reference, '--json'])
      expect([code, (JSON.parse(stdout) as Listed).error]).toEqual([1, message.replace(/^error: \S+: /, '')])
    }
    for (const reference of [`${host}/team/*:9`, `${host}/team/*:9.*`, `${host}/nobody/`]) {
      const stderr = `error: nothing matches ${reference}\n`
      expect(await here.run(['ls', reference])).toMatchObject({ code: 1, stdout: '', stderr })
    }
  })

  test('without a catalogue says so, and lists the tags of what is named', async () => {
    const registry = await filled({ catalog: false })
    const here = program()
    expect(await here.run(['ls', hostOf(registry)])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /cannot list the repositories of .*\n.*`ls HOST\/REPOSITORY` lists the tags of one/,
      ),
    })
    expect(await ls(here, `${hostOf(registry)}/team/app`)).toEqual(['team/app:1.0'])
  })
})

describe.each(['oci:carried', 'tar:carried.tar', 'tar:carried.tar.gz'])('%s', (place) => {
  async function carried(): Promise<Program> {
    const registry = await filled()
    const here = program()
    here.write(
      'pack.yaml',
      `
registries:
  from: { type: docker-registry, url: ${registry.url} }
  to: { type: oci-layout, path: ./${place.slice(4).replace('.gz', '')} }
policies: { pack: { source: { registry: from }, destination: { registry: to } } }
`,
    )
    const ended = await here.run(['run', 'pack.yaml'])
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    if (place.endsWith('.gz')) {
      writeFileSync(join(here.directory, 'carried.tar.gz'), gzipSync(readFileSync(join(here.directory, 'carried.tar'))))
    }
    return here
  }

  test('is listed whole, with all of each image', async () => {
    const here = await carried()
    const all = await listed(here, place)
    expect(all.map(({ repository, tag, ref, digest }) => [`${repository}:${tag}`, ref, digest])).toEqual([
      ['library/alpine:3.9', '3.9', amd.digest],
      ['library/alpine:3.20', '3.20', both.digest],
      ['library/redis:latest', 'latest', arm.digest],
      ['team/app:1.0', '1.0', image({ seed: 3 }).digest],
    ])
    expect(all[1]?.details).toMatchObject({ type: 'image', blobs: 9, platforms: [{ platform: 'linux/amd64' }, {}] })
    const [title, ...rows] = await ls(here, place)
    expect(title).toMatch(/^IMAGE +REF +TYPE +PLATFORMS +SIZE +REFERRERS +DIGEST$/)
    expect(rows[1]).toMatch(/^library\/alpine:3.20 +3.20 +image +linux\/amd64, linux\/arm64\/v8 +\d.* KiB +2 +sha256:/)
  })

  test('is asked for a part of it', async () => {
    const here = await carried()
    expect(await listed(here, `${place}:library/*`)).toHaveLength(3)
    expect(await listed(here, `${place}:latest`)).toMatchObject([{ repository: 'library/redis', tag: 'latest' }])
    const block = await ls(here, `${place}:library/redis:latest`)
    expect(block).toContain('  ref         latest')
    expect(await here.run(['ls', `${place}:library/redis:7`])).toMatchObject({ code: 1 })
    expect(await here.run(['ls', `${place}:library/none`])).toMatchObject({ code: 1 })
  })
})

describe('a layout', () => {
  test('that does not exist has status 3', async () => {
    expect(await program().run(['ls', 'oci:nowhere'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nowhere does not exist'),
    })
  })

  test('shows which platforms were left out', async () => {
    const here = program()
    const store = openLayout(join(here.directory, 'part')).repository('app')
    await push(store, arm)
    await store.writeManifest(both, '1', { signal: new AbortController().signal, emit: () => {} })
    expect((await ls(here, 'oci:part'))[1]).toContain('linux/arm64/v8 (1 of 2)')
    expect(await ls(here, 'oci:part:app:1')).toContainEqual(expect.stringMatching(/linux\/amd64 .* absent$/))
  })

  test('lists all but a damaged image, and says which that is', async () => {
    const here = program()
    const entries = [amd, arm].map((one, at) => ({
      ...one.descriptor,
      annotations: { 'org.opencontainers.image.ref.name': `app:${at}` },
    }))
    unpack(join(here.directory, 'bad'), layoutFiles(entries, [amd, arm]))
    writeFileSync(join(here.directory, 'bad', 'blobs', amd.digest.replace(':', '/')), 'x'.repeat(amd.bytes.byteLength))
    const ended = await here.run(['ls', 'oci:bad'])
    expect(ended.code).toBe(1)
    expect(ended.stdout).toContain('app:1')
    expect(ended.stderr).toContain('error: app:0: manifest does not match its digest')
  })
})
