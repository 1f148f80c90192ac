/** `verify`: what differs between both sides, down to the last blob, and how `--repair` puts it right. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createApp, type Verification, type VerifyOptions } from '../../../src/app/app.ts'
import { descriptorOf } from '../../../src/core/manifest.ts'
import { fallbackTag } from '../../../src/core/reference.ts'
import { policyBetween, type Workplace, workplace } from '../../e2e/harness.ts'
import { program } from '../../e2e/program.ts'
import { cosignSignature, image, index, referrer } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

/** `verify` in this process, with the state of the workplace. */
async function verify(place: Workplace, yaml: string, options: VerifyOptions = {}): Promise<Verification> {
  writeFileSync(join(place.directory, 'policy.yaml'), yaml)
  const env = { HOME: place.directory, XDG_CONFIG_HOME: place.directory, DOCKER_CONFIG: place.directory }
  const app = createApp({ env, home: place.home, cwd: place.directory, stdin: async () => '' })
  try {
    const configuration = await app.configuration(['policy.yaml'])
    const [policy] = configuration.policies
    if (!policy) throw new Error('no policy')
    const ctx = { signal: new AbortController().signal, emit: () => {} }
    return await app.verify(policy, configuration, options, () => {}, ctx)
  } finally {
    await app.close()
  }
}

const child = image({ seed: 'child' })
const other = image({ seed: 'other', platform: { os: 'linux', architecture: 'arm64' } })
const list = index([child, other])
const plain = image({ seed: 'plain' })
const sbom = referrer(descriptorOf(child))
const cosign = cosignSignature(descriptorOf(list))
const [config, layer] = [...child.blobs.keys()]
if (!config || !layer) throw new Error('an image without blobs')

/** An index with a signature, its child with an SBOM, and an image; copied, and then `damaged`. */
async function copied(damage: (destination: MemoryRegistry) => void, extra = '') {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', list, 'list')
  source.add('app', plain, 'plain')
  source.add('app', sbom)
  source.add('app', cosign.artifact, cosign.tag)
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, extra)
  await place.run(yaml)
  damage(destination)
  return { source, destination, place, yaml }
}

const app = (registry: MemoryRegistry) => registry.repository('mirror/app')

describe('verify', () => {
  test('says nothing where both sides are the same, and asks only with GET and HEAD', async () => {
    const { source, destination, place, yaml } = await copied(() => {})
    source.requests.length = 0
    destination.requests.length = 0
    expect(await verify(place, yaml, { full: true })).toMatchObject({ compared: 2, differences: [], repairs: [] })
    for (const { method } of [...source.requests, ...destination.requests]) expect(['GET', 'HEAD']).toContain(method)
  })

  test('finds what hangs on an image by a tag that no tool is known for, without a list of the destination', async () => {
    const [source, destination] = [await registry(), await registry()]
    source.add('app', plain, 'plain')
    for (const suffix of ['sig', 'git', 'dockerfile'])
      source.add('app', image({ seed: suffix }), `${fallbackTag(plain.digest)}.${suffix}`)
    const place = workplace()
    const yaml = policyBetween(source.url, destination.url, '    referrers: all')
    await place.run(yaml)
    expect((await verify(place, yaml)).differences).toEqual([])
    expect((await place.run(yaml)).outcome).toMatchObject({ exitCode: 0, execution: { total: 0 } })
    app(destination).tags.delete(`${fallbackTag(plain.digest)}.git`)
    expect((await verify(place, yaml)).differences).toMatchObject([{ kind: 'missing_referrer' }])
  })

  test.each([
    ['    filters: { name: app, tag: [plain, nope] }', 'there is no nope in app'],
    ['    filters: { name: [app, gone], tag: "*" }', 'there is no repository gone'],
  ])('tells what the policy names and the source does not have: %s', async (filters, message) => {
    const { place, yaml } = await copied(() => {}, filters)
    const { differences } = await verify(place, yaml)
    expect(differences).toMatchObject([{ kind: 'unreadable', message: `source from: ${message}` }])
    expect((await verify(place, `${yaml}\n    missing: warn\n`)).differences).toEqual([])
  })

  const damages: readonly [string, (destination: MemoryRegistry) => void, object][] = [
    [
      'a tag that is missing',
      (there) => app(there).tags.delete('plain'),
      { kind: 'missing_tag', destination: 'to/mirror/app:plain', digest: plain.digest, in: null, message: 'missing' },
    ],
    [
      'a tag that points at something else',
      (there) => app(there).tags.set('plain', child.digest),
      { kind: 'differs', message: `differs: is ${child.digest}, should be ${plain.digest}` },
    ],
    [
      'a child manifest that is missing',
      (there) => app(there).manifests.delete(other.digest),
      {
        kind: 'missing_manifest',
        destination: 'to/mirror/app:list',
        digest: other.digest,
        in: list.digest,
        message: `missing manifest ${other.digest} in ${list.digest}`,
      },
    ],
    [
      'a child manifest with other bytes',
      (there) => app(there).manifests.set(other.digest, { mediaType: other.mediaType, bytes: child.bytes }),
      { kind: 'damaged_manifest', digest: other.digest, in: list.digest },
    ],
    [
      'a layer that is missing below a child',
      (there) => app(there).blobs.delete(layer),
      { kind: 'missing_blob', message: `missing blob ${layer} (1000 B) in ${child.digest}` },
    ],
    [
      'a config that is missing',
      (there) => app(there).blobs.delete(config),
      { kind: 'missing_blob', digest: config, in: child.digest },
    ],
    [
      'a layer of another size',
      (there) => app(there).blobs.set(layer, Buffer.alloc(10)),
      { kind: 'damaged_blob', digest: layer, in: child.digest },
    ],
    [
      'an SBOM that is missing',
      (there) => app(there).manifests.delete(sbom.digest),
      { kind: 'missing_referrer', digest: sbom.digest, in: child.digest },
    ],
    [
      'a signature that lost its tag',
      (there) => app(there).tags.delete(cosign.tag),
      { kind: 'missing_referrer', digest: cosign.artifact.digest, in: list.digest },
    ],
    [
      'a blob of an SBOM that is missing',
      (there) => app(there).blobs.delete([...sbom.blobs.keys()].at(-1) ?? layer),
      { kind: 'missing_blob', in: sbom.digest },
    ],
  ]

  for (const [what, damage, difference] of damages) {
    test(`finds ${what}, and repair puts it right`, async () => {
      const { place, yaml } = await copied(damage)
      const { compared, differences, repairs } = await verify(place, yaml, { repair: true })
      expect(compared).toBe(2)
      expect(differences).toMatchObject([difference])
      expect(repairs).toHaveLength(1)
      const plan = { version: 1, policies: [{ policy: 'copy', tasks: repairs }] } as const
      const { outcome } = await place.run(yaml, { plan, thorough: true })
      expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 1, succeed: 1 } })
      expect((await verify(place, yaml, { only: repairs })).differences).toEqual([])
      expect((await verify(place, yaml, { full: true })).differences).toEqual([])
    })
  }

  test('with full finds a layer of the right size with other bytes, which is only asked for otherwise', async () => {
    const { place, yaml } = await copied((there) => app(there).blobs.set(layer, Buffer.alloc(1000)))
    expect((await verify(place, yaml)).differences).toEqual([])
    expect((await verify(place, yaml, { full: true })).differences).toMatchObject([
      {
        kind: 'damaged_blob',
        digest: layer,
        in: child.digest,
        message: expect.stringMatching(`damaged blob ${layer}: .*expected ${layer} of 1000 bytes, got sha256:`),
      },
    ])
  })

  test('a repair does not write a tag again that is right', async () => {
    const { destination, place, yaml } = await copied((there) => app(there).blobs.delete(layer))
    const { repairs } = await verify(place, yaml, { repair: true })
    destination.requests.length = 0
    const plan = { version: 1, policies: [{ policy: 'copy', tasks: repairs }] } as const
    expect((await place.run(yaml, { plan, thorough: true })).outcome.exitCode).toBe(0)
    const written = destination.requests.filter(({ method, route }) => method === 'PUT' && route === 'manifest')
    expect(written.map(({ path }) => path)).not.toContain('/v2/mirror/app/manifests/list')
    expect(written.map(({ path }) => path)).toContain(`/v2/mirror/app/manifests/${list.digest}`)
  })

  for (const where of ['a registry that takes it', 'a directory']) {
    test(`repairs a layer with other bytes in ${where}`, async () => {
      const { destination, place, yaml: original, source } = await copied(() => {})
      const directory = join(place.directory, 'layout')
      const yaml =
        where === 'a directory'
          ? original.replace(/to: {.*}/, `to: { type: oci-layout, path: ${directory} }`)
          : original
      await place.run(yaml)
      if (where === 'a directory') writeFileSync(join(directory, 'blobs', layer.replace(':', '/')), Buffer.alloc(1000))
      else app(destination).blobs.set(layer, Buffer.alloc(1000))
      const { repairs } = await verify(place, yaml, { full: true, repair: true })
      expect(repairs).toMatchObject([{ damaged: [layer] }])
      source.requests.length = 0
      const plan = { version: 1, policies: [{ policy: 'copy', tasks: repairs }] } as const
      expect((await place.run(yaml, { plan, thorough: true })).outcome.exitCode).toBe(0)
      expect(source.requests.filter(({ route }) => route === 'blob')).toHaveLength(1)
      expect((await verify(place, yaml, { full: true })).differences).toEqual([])
    })
  }

  test('looks at what two tags share only once, and tells it for both', async () => {
    const { source, destination, place, yaml } = await copied(() => {})
    source.add('app', list, 'again')
    await place.run(yaml)
    app(destination).blobs.delete(layer)
    destination.requests.length = 0
    const { differences } = await verify(place, yaml)
    expect(differences.map((difference) => difference.destination).sort()).toEqual([
      'to/mirror/app:again',
      'to/mirror/app:list',
    ])
    const asked = destination.requests.filter(({ method, path }) => method === 'HEAD' && path.endsWith(layer))
    expect(asked).toHaveLength(1)
  })

  test('looks at the wanted platforms only', async () => {
    const extra = '    filters: { platforms: [linux/amd64] }\n    referrers: false'
    const { place, yaml } = await copied((there) => app(there).blobs.delete([...other.blobs.keys()][0] ?? layer))
    expect((await verify(place, yaml)).differences).toHaveLength(1)
    expect((await verify(place, `${yaml}${extra}`)).differences).toEqual([])
  })

  test('with `override: false` tells a tag that differs and leaves it alone', async () => {
    const { place, yaml } = await copied((there) => app(there).tags.set('plain', child.digest), '    override: false')
    const { differences, repairs } = await verify(place, yaml, { repair: true })
    expect(differences).toMatchObject([
      { kind: 'differs', message: expect.stringContaining('(override: false keeps it)') },
    ])
    expect(repairs).toEqual([])
  })

  test('tells a repository that cannot be listed, and goes on with the others', async () => {
    const source = await registry({
      fault: ({ path }) => (path.startsWith('/v2/broken/tags') ? { status: 403 } : undefined),
    })
    const destination = await registry()
    source.add('broken', plain, 'v1')
    source.add('fine', plain, 'v1')
    const { compared, differences } = await verify(workplace(), policyBetween(source.url, destination.url))
    expect(compared).toBe(1)
    expect(differences.map(({ kind, source: from }) => [kind, from]).sort()).toEqual([
      ['missing_tag', 'from/fine:v1'],
      ['unreadable', 'from/broken'],
    ])
  })

  test('finds that all is well in an index that was narrowed', async () => {
    const extra = '    filters: { platforms: [linux/amd64], platforms_index: narrow }'
    const { place, yaml } = await copied(() => {}, extra)
    expect(await verify(place, yaml)).toMatchObject({ compared: 2, differences: [] })
  })
})

describe('replicate verify', () => {
  test('prints what differs and exits with 1, repairs it with an execution and exits with 0', async () => {
    const { destination, yaml } = await copied((there) => app(there).blobs.delete(layer))
    const cli = program()
    cli.write('policy.yaml', yaml)
    const found = await cli.run(['verify', 'policy.yaml'])
    expect(found.stdout).toBe(`copy  from → to/mirror
  ✗ mirror/app:list  missing blob ${layer} (1000 B) in ${child.digest}
2 artifacts compared, 1 difference in 1
`)
    expect(found).toMatchObject({ code: 1, stderr: '' })
    const repaired = await cli.run(['verify', 'policy.yaml', '--repair'])
    expect(repaired.stdout).toMatch(/Execution 1 succeeded[\s\S]*repaired\n$/)
    expect(repaired.code).toBe(0)
    expect(app(destination).blobs.has(layer)).toBe(true)
    expect(await cli.execution('1')).toMatchObject({
      status: 'succeeded',
      bytes_copied: 1000,
      tasks: [{ action: 'update' }],
    })
    const clean = await cli.run(['verify', 'policy.yaml'])
    expect(clean).toMatchObject({ code: 0, stdout: expect.stringContaining('2 artifacts compared, no difference\n') })
  })

  test('with --json prints one document, also of a repair', async () => {
    const { yaml } = await copied((there) => app(there).blobs.delete(layer))
    const cli = program()
    cli.write('policy.yaml', yaml)
    const found = await cli.run(['verify', 'policy.yaml', '--json'])
    expect(JSON.parse(found.stdout)).toMatchObject({
      policies: [{ policy: 'copy', compared: 2, differences: [{ kind: 'missing_blob', digest: layer }], repair: null }],
    })
    expect(found.code).toBe(1)
    const repaired = await cli.run(['verify', 'policy.yaml', '--repair', '--json'])
    expect(JSON.parse(repaired.stdout)).toMatchObject({
      policies: [{ differences: [{}], repair: { execution: { id: 1, status: 'succeeded' }, differences: [] } }],
    })
    expect(repaired.code).toBe(0)
  })

  test('exits with 3 where a registry cannot be reached, and says which', async () => {
    const { destination, yaml } = await copied(() => {})
    await destination.close()
    const cli = program()
    cli.write('policy.yaml', yaml)
    const { code, stderr } = await cli.run(['verify', 'policy.yaml'])
    expect(code).toBe(3)
    expect(stderr).toContain('destination to:')
  })
})
