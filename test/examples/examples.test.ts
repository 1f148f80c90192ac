/** The examples: each is valid, runs between registries that stand for those it names, and tells editors the present schema. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { startHelmHttp } from '../fakes/helm-http.ts'
import { chart, entryOf, indexOf } from '../support/charts.ts'
import { artifact, image, index } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'

const folder = join(import.meta.dirname, '..', '..', 'examples')
const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
const SECRETS = {
  OLD_PASSWORD: 'old',
  NEW_PASSWORD: 'new',
  HOOK_SECRET: 'key',
  PULL_PASSWORD: 'key',
  ANN_TOKEN: 'a-token-of-sixteen',
  TEAM_TOKEN: 'another-of-sixteen',
  SLACK_WEBHOOK: 'https://slack.example.com/x',
}
const CHART = { artifactType: 'application/vnd.cncf.helm.config.v1+json' }

const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8')

describe.each(examples)('%s', (name) => {
  test('is valid, and its editor knows the schema', async () => {
    expect(textOf(name).split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json')
    const here = program(SECRETS)
    expect(await here.run(['policies', 'validate', join(folder, name)])).toMatchObject({ code: 0, stderr: '' })
  })

  test('names only commands that work', async () => {
    const commands = [...textOf(name).matchAll(/^# +replicate (\S+) \S+\.yaml/gm)].map(([, command]) => command)
    expect(commands.length).toBeGreaterThan(0)
    expect(commands.filter((command) => command !== 'run' && command !== 'plan')).toEqual([])
  })
})

test('schema.json is what `config schema` prints', async () => {
  const { stdout } = await program().run(['config', 'schema'])
  const isPresent = stdout === textOf('schema.json')
  expect(isPresent, 'it is stale: npm run dev -s -- config schema > examples/schema.json').toBe(true)
})

test('every-key.yaml has every key of the schema, and the reference tells of each', () => {
  const keys = new Set<string>()
  const collect = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return
    if ('properties' in schema && typeof schema.properties === 'object' && schema.properties !== null)
      for (const key of Object.keys(schema.properties)) keys.add(key)
    for (const part of Object.values(schema)) collect(part)
  }
  collect(JSON.parse(textOf('schema.json')))
  const text = textOf('every-key.yaml')
  expect(keys.size).toBeGreaterThan(60)
  expect([...keys].filter((key) => !new RegExp(`(^|[\\s{])${key}: ?`, 'm').test(text))).toEqual([])
  const reference = textOf('reference.md')
  expect([...keys].filter((key) => !new RegExp(`\\b${key}\\b`).test(reference))).toEqual([])
})

async function registry(): Promise<MemoryRegistry> {
  const started = await startMemoryRegistry()
  onTestFinished(() => started.close())
  return started
}

/** Runs a copy of the example, with registries of this test in place of those it names. */
async function run(name: string, stands: Readonly<Record<string, string>>): Promise<void> {
  const here = program(SECRETS)
  let text = textOf(name)
  for (const [written, url] of Object.entries(stands)) text = text.replaceAll(written, url)
  here.write(name, text)
  const { code, stderr } = await here.run(['run', name])
  expect(code, stderr).toBe(0)
}

function tagsOf(from: MemoryRegistry, repository: string): readonly string[] {
  return [...from.repository(repository).tags.keys()].sort()
}

test('mirror-docker-hub.yaml takes the newest of each', async () => {
  const [hub, mirror] = [await registry(), await registry()]
  for (const tag of ['3.17.1', '3.18.0', '3.19.0', '3.20.0', '3.21.0', '3.22.0-rc1', 'latest'])
    hub.add('library/alpine', image({ seed: tag }), tag)
  hub.add('library/debian', image({ seed: 'debian' }), '12.5')
  hub.add('library/redis', image({ seed: 'redis' }), '7.2', '6.0')
  await run('mirror-docker-hub.yaml', { 'docker.io': hub.host, 'https://registry.example.com': mirror.url })
  expect(tagsOf(mirror, 'mirror/alpine')).toEqual(['3.19.0', '3.20.0', '3.21.0'])
  expect(tagsOf(mirror, 'mirror/debian')).toEqual(['12.5'])
  expect(tagsOf(mirror, 'mirror/redis')).toEqual(['7.2'])
})

test('between-registries.yaml takes one team, and keeps what is there', async () => {
  const auth = (user: string, password: string) => ({ kind: 'basic', user, password }) as const
  const old = await startMemoryRegistry({ auth: auth('reader', 'old') })
  const fresh = await startMemoryRegistry({ auth: auth('writer', 'new') })
  onTestFinished(async () => void (await Promise.all([old.close(), fresh.close()])))
  old.add('team-a/api', image({ seed: 1 }), 'v1', 'v2', 'tmp-1')
  old.add('team-b/api', image({ seed: 2 }), 'v1')
  const kept = image({ seed: 3 })
  fresh.add('team-a/api', kept, 'v1')
  await run('between-registries.yaml', { 'https://old.example.com': old.url, 'https://new.example.com': fresh.url })
  expect(tagsOf(fresh, 'team-a/api')).toEqual(['v1', 'v2'])
  expect(fresh.repository('team-a/api').tags.get('v1')).toBe(kept.digest)
  expect(tagsOf(fresh, 'team-b/api')).toEqual([])
})

test('air-gap.yaml goes into a file and out of it', async () => {
  const [outside, inside] = [await registry(), await registry()]
  const built = index([
    image({ seed: 'amd' }),
    image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } }),
  ])
  outside.add('library/alpine', built, '3.20')
  outside.add('team-a/x/y', image({ seed: 2 }), 'v1')
  outside.add('other', image({ seed: 3 }), 'v1')
  const here = program()
  const text = textOf('air-gap.yaml')
    .replaceAll('https://registry.example.com', outside.url)
    .replaceAll('https://registry.internal.example', inside.url)
  here.write('air-gap.yaml', text)
  expect(await here.run(['run', 'air-gap.yaml', '--policy', 'pack'])).toMatchObject({ code: 0 })
  const before = outside.requests.length
  expect(await here.run(['run', 'air-gap.yaml', '--policy', 'unpack'])).toMatchObject({ code: 0 })
  expect(outside.requests.length).toBe(before)
  expect(inside.repository('library/alpine').tags.get('3.20')).toBe(built.digest)
  expect(tagsOf(inside, 'team-a/x/y')).toEqual(['v1'])
  expect(inside.repositories.has('other')).toBe(false)
})

test('charts.yaml takes charts and leaves images', async () => {
  const [upstream, mirror] = [await registry(), await registry()]
  upstream.add('team/web', artifact(CHART), '1.2.0', '0.9.0')
  upstream.add('team/tool', image(), '1.2.0')
  const [jetstack, museum] = [await startHelmHttp(), await startHelmHttp()]
  onTestFinished(async () => void (await Promise.all([jetstack.close(), museum.close()])))
  for (const [to, charts] of [
    [jetstack, ['1.0.0', '1.9.0', '1.10.0', '1.11.0'].map((version) => chart('cert-manager', version))],
    [museum, [chart('web', '0.1.0+b')]],
  ] as const) {
    for (const one of charts) to.files.set(one.file, one.archive)
    to.files.set('index.yaml', Buffer.from(indexOf(charts.map((one) => entryOf(one)))))
  }
  await run('charts.yaml', {
    'https://charts.example.com': upstream.url,
    'https://charts.jetstack.io': jetstack.url,
    'https://museum.example.com': museum.url,
    'https://registry.example.com': mirror.url,
  })
  expect(tagsOf(mirror, 'jetstack/charts/cert-manager')).toEqual(['1.10.0', '1.11.0', '1.9.0'])
  expect(tagsOf(mirror, 'museum/web')).toEqual(['0.1.0_b'])
  const filled = [...mirror.repositories].filter(([, { tags }]) => tags.size > 0).map(([name]) => name)
  expect(filled.toSorted()).toEqual(['jetstack/charts/cert-manager', 'museum/web', 'platform/charts/web'])
  expect(tagsOf(mirror, 'platform/charts/web')).toEqual(['1.2.0'])
})

test('charts-with-images.yaml takes charts and their images into a file, and out of it', async () => {
  const [quay, inside, jetstack] = [await registry(), await registry(), await startHelmHttp()]
  onTestFinished(() => jetstack.close())
  quay.add('jetstack/cert-manager-controller', image({ seed: 'controller' }), 'v1.1.0')
  const values = `image: { repository: ${quay.host}/jetstack/cert-manager-controller, tag: v1.1.0 }\n`
  const pod = 'apiVersion: v1\nkind: Pod\nspec: { image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}" }\n'
  const all = ['v1.0.0', 'v1.1.0'].map((version) =>
    chart('cert-manager', version, { 'values.yaml': values, 'templates/pod.yaml': pod }),
  )
  for (const { file, archive } of all) jetstack.files.set(file, archive)
  jetstack.files.set('index.yaml', Buffer.from(indexOf(all.map((one) => entryOf(one)))))
  const here = program()
  const stands = { 'https://charts.jetstack.io': jetstack.url, 'https://registry.internal.example': inside.url }
  let text = textOf('charts-with-images.yaml')
  for (const [written, url] of Object.entries(stands)) text = text.replaceAll(written, url)
  here.write('charts-with-images.yaml', text)
  for (const policy of ['pack', 'unpack']) {
    const { code, stderr } = await here.run(['run', 'charts-with-images.yaml', '--policy', policy])
    expect(code, stderr).toBe(0)
  }
  expect(tagsOf(inside, 'jetstack/cert-manager')).toEqual(['v1.1.0'])
  expect(tagsOf(inside, 'jetstack/cert-manager-controller')).toEqual(['v1.1.0'])
})

test('platforms.yaml makes a smaller index of the wanted platforms', async () => {
  const [hub, mirror] = [await registry(), await registry()]
  const linux = (architecture: string) => image({ seed: architecture, platform: { os: 'linux', architecture } })
  const [amd, arm, power] = [linux('amd64'), linux('arm64'), linux('ppc64le')]
  hub.add('library/alpine', index([amd, arm, power]), '3.20')
  await run('platforms.yaml', { 'docker.io': hub.host, 'https://registry.example.com': mirror.url })
  const there = mirror.repository('mirror/alpine')
  expect(tagsOf(mirror, 'mirror/alpine')).toEqual(['3.20'])
  expect([amd, arm, power].map(({ digest }) => there.manifests.has(digest))).toEqual([true, true, false])
})

test('releases.yaml brings releases and what is signed later, and takes back only what it brought', async () => {
  const [build, open] = [await registry(), await registry()]
  for (const tag of ['v0.9.0', 'v1.0.0', 'v1.1.0-lts', 'v1.2.0-rc1'])
    build.add('product/server', image({ seed: tag }), tag)
  build.add('product/agent', image({ seed: 'agent' }), 'v1.0.0', 'nightly')
  open.add('product/server', image({ seed: 'own' }), 'v9.9.9')
  const here = program(SECRETS)
  here.write(
    'releases.yaml',
    textOf('releases.yaml')
      .replace('https://build.example.com', build.url)
      .replace('https://registry.example.com', open.url),
  )
  const first = await here.run(['run', 'releases.yaml'])
  expect(first.code, first.stderr).toBe(0)
  expect(first.stderr).toContain('product/cli')
  expect(tagsOf(open, 'product/server')).toEqual(['v1.0.0', 'v1.1.0-lts', 'v9.9.9'])
  expect(tagsOf(open, 'product/agent')).toEqual(['v1.0.0'])

  build.repository('product/server').tags.delete('v1.0.0')
  const second = await here.run(['run', 'releases.yaml'])
  expect(second.code, second.stderr).toBe(0)
  expect(tagsOf(open, 'product/server')).toEqual(['v1.1.0-lts', 'v9.9.9'])
})
