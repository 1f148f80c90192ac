/** A real ChartMuseum: written from artifacts, read back, deleted from, and refusing what its flags say. */

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { workplace } from '../e2e/harness.ts'
import { chart, digestOf, provenance, pushed, type TestChart } from '../support/charts.ts'
import { missingHelm } from '../support/clients.ts'
import { chartMuseum, oldHarbor } from '../support/helm.ts'
import { image } from '../support/images.ts'
import { listener } from '../support/listener.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { seed } from '../support/seed.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const available = !missingHelm().includes('chartmuseum')

/** Puts a chart into a registry, as `helm push` would. */
async function push(to: MemoryRegistry, name: string, one: TestChart, tag = one.version, signature?: Buffer) {
  to.add(name, await pushed(one, signature), tag.replaceAll('+', '_'))
}

interface Sides {
  readonly from: string
  readonly to: string
}

function policy({ from, to }: Sides, more = ''): string {
  return `
registries:
  from: ${from}
  to: ${to}
policies:
  copy:
    source: { registry: from }
    destination: { registry: to }
    retry: { attempts: 1, delay: 1s }
${more}`
}

const oci = (url: string): string => `{ type: docker-registry, url: ${url} }`
const museum = (url: string, more = ''): string => `{ type: chartmuseum, url: "${url}"${more} }`

/** In front of a ChartMuseum: whatever posts the archive `file` gets the status that `before` resolves with, or the museum's own answer. */
async function fronted(url: string, before: (file: string) => Promise<number | undefined>): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const { method = '', url: path = '' } = request
    const isPost = method === 'POST'
    const [, file] = /filename="([^"]+)"/.exec(isPost ? body.toString('latin1', 0, 400) : '') ?? []
    const refused = file && (await before(file))
    if (refused) {
      response.writeHead(refused, { 'content-type': 'application/json' })
      response.end('{"error":"repo has reached storage limit"}')
      return
    }
    const headers = { 'content-type': request.headers['content-type'] ?? '' }
    const reply = await fetch(`${url}${path}`, { method, ...(isPost ? { body: new Uint8Array(body), headers } : {}) })
    response.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? 'text/plain' })
    response.end(Buffer.from(await reply.arrayBuffer()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function indexed(url: string): Promise<string> {
  return (await fetch(`${url}/index.yaml`)).text()
}

describe.skipIf(!available)('a ChartMuseum', () => {
  const one = chart('demo', '1.0.0')
  const build = chart('demo', '1.1.0+b.1')

  test('takes charts with their provenance, and gives them back as they were', async () => {
    const from = await registry()
    await push(from, 'demo', one, '1.0.0', provenance(one))
    await push(from, 'demo', build)
    const { url } = await chartMuseum()
    const here = workplace()
    const there = policy({ from: oci(from.url), to: museum(url) })
    expect((await here.plan(there)).warnings.join()).toContain('stay behind')
    expect((await here.run(there)).outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    expect(await indexed(url)).toContain(build.digest.slice('sha256:'.length))
    expect(digestOf(Buffer.from(await (await fetch(`${url}/charts/${build.file}`)).arrayBuffer()))).toBe(build.digest)
    expect(await (await fetch(`${url}/charts/${one.file}.prov`)).text()).toBe(provenance(one).toString())
    expect((await here.run(there)).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    expect((await workplace().run(there)).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    expect(await here.verify(there)).toMatchObject({ differences: [] })
    const back = await registry()
    const away = policy({ from: museum(url), to: oci(back.url) })
    expect((await here.run(away)).outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    const bytes = [...(back.repositories.get('demo')?.manifests.values() ?? [])].map(({ bytes }) => String(bytes))
    expect(bytes.some((text) => text.includes(digestOf(provenance(one))))).toBe(true)
    const round = policy({ from: oci(back.url), to: oci(from.url) })
    expect((await here.run(round)).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    expect((await here.run(there)).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
  })

  test('has tenants at any depth, below the path that it is served at', async () => {
    const from = await registry()
    await push(from, 'org/team/demo', one)
    const { url } = await chartMuseum('--depth=2', '--context-path=/some/path')
    const here = workplace()
    const sides = { from: oci(from.url), to: museum(url) }
    expect((await here.run(policy(sides))).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect(await indexed(`${url}/org/team`)).toContain('demo-1.0.0.tgz')
    const below = policy(
      { from: museum(`${url}/org/team`), to: museum(`${url}/org/other`) },
      '    filters: { name: demo }\n',
    )
    expect((await here.run(below)).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    const named = policy(
      { from: museum(url), to: oci((await registry()).url) },
      '    filters: { name: "org/{team,other}/*" }\n',
    )
    expect((await here.run(named)).outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    const unnamed = await here.run(policy({ from: museum(url), to: oci(from.url) }))
    expect(String(unnamed.outcome.error)).toMatch(/the tenants of from cannot be listed/)
    const shallow = await here.run(policy({ from: museum(`${url}/org/team`), to: museum(url) }))
    expect(shallow.outcome.execution).toMatchObject({ status: 'failed' })
  })

  test('is overwritten, mirrored and cleaned of provenance that signs nothing any more', async () => {
    const from = await registry()
    await push(from, 'demo', one, '1.0.0', provenance(one))
    await push(from, 'demo', build)
    const { url } = await chartMuseum()
    const here = workplace()
    const yaml = policy({ from: oci(from.url), to: museum(url) }, '    deletion: mirror\n    max_deletions: 5\n')
    await here.run(yaml)
    const changed = chart('demo', '1.0.0', {}, 'changed')
    await push(from, 'demo', changed)
    from.repositories.get('demo')?.tags.delete('1.1.0_b.1')
    const { outcome } = await here.run(yaml)
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    const index = await indexed(url)
    expect(index).toContain(changed.digest.slice('sha256:'.length))
    expect(index).not.toContain('1.1.0')
    expect((await fetch(`${url}/charts/${one.file}.prov`)).status).toBe(404)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
  })

  test('takes the provenance of a chart that it has', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    const { url } = await chartMuseum()
    const here = workplace()
    const yaml = policy({ from: oci(from.url), to: museum(url) }, '    referrers: all\n')
    await here.run(yaml)
    await push(from, 'demo', one, '1.0.0', provenance(one))
    const { outcome, tasks } = await here.run(yaml)
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect(tasks[0]).toMatchObject({ action: 'update' })
    expect((await fetch(`${url}/charts/${one.file}.prov`)).status).toBe(200)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
  })

  test('holds charts only, under their own names and versions', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    await push(from, 'demo', build, 'latest')
    await push(from, 'renamed', one)
    await seed(from, 'app', 'v1', image({ seed: 'app' }))
    const { url } = await chartMuseum()
    const here = workplace()
    const { outcome, tasks } = await here.run(policy({ from: oci(from.url), to: museum(url) }))
    expect(outcome.execution).toMatchObject({ status: 'failed', succeed: 1, failed: 3 })
    const said = tasks.map(({ error }) => error?.message ?? '').join('\n')
    expect(said).toContain('holds nothing else')
    expect(said).toContain('its last part is not its name')
    expect(said).toContain('the tag latest is not the version')
    const charts = policy(
      { from: oci(from.url), to: museum(url) },
      '    filters: { resource: chart, name: [demo, app], tag: ["1.*", v1], exclude: { name: app } }\n',
    )
    expect((await here.run(charts)).outcome.execution).toMatchObject({ status: 'succeeded', total: 0, unchanged: 1 })
  })

  test.each([
    ['takes nothing so large', 413, /--max-upload-size/],
    ['is full', 507, /--max-storage-objects/],
  ])('that %s (%i) refuses one chart, by name and with the reason, and takes others', async (_, status, hint) => {
    const from = await registry()
    await push(from, 'demo', one)
    const large = chart('large', '1.0.0', { 'noise.txt': randomBytes(8192).toString('hex') })
    await push(from, 'large', large)
    const real = await chartMuseum('--max-upload-size=900')
    // The real one counts its objects for other uploads only.
    const url =
      status === 413 ? real.url : await fronted(real.url, async (file) => (file === large.file ? 507 : undefined))
    const { outcome, tasks } = await workplace().run(policy({ from: oci(from.url), to: museum(url) }))
    expect(outcome.execution).toMatchObject({ status: 'failed', failed: 1, succeed: 1 })
    const failed = tasks.find((task) => task.status === 'failed')
    expect(failed).toMatchObject({ src_resource: 'from/large:1.0.0', attempts: 1 })
    expect(failed?.error?.message).toContain(String(status))
    expect(failed?.error?.hint).toMatch(hint)
    expect(await indexed(url)).toContain(one.digest.slice('sha256:'.length))
    expect(await indexed(url)).not.toContain('large')
  })

  test('that refuses another archive keeps the version that it has', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    const { url } = await chartMuseum('--max-upload-size=900')
    const here = workplace()
    const yaml = policy({ from: oci(from.url), to: museum(url) })
    await here.run(yaml)
    await push(from, 'demo', chart('demo', '1.0.0', { 'noise.txt': randomBytes(8192).toString('hex') }))
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ status: 'failed', failed: 1 })
    expect(digestOf(Buffer.from(await (await fetch(`${url}/charts/${one.file}`)).arrayBuffer()))).toBe(one.digest)
  })

  test('without its API says so', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    const { url } = await chartMuseum('--disable-api')
    const { tasks } = await workplace().run(policy({ from: oci(from.url), to: museum(url) }))
    expect(tasks[0]?.error?.message).toMatch(/404/)
    expect(tasks[0]?.error?.hint).toMatch(/--disable-api/)
  })

  test('with tenants refuses a chart at another depth, by name, and takes others', async () => {
    const from = await registry()
    await push(from, 'team/demo', one)
    await push(from, 'org/team/demo', one)
    await push(from, 'demo', one)
    const { url } = await chartMuseum('--depth=1')
    const { outcome, tasks } = await workplace().run(policy({ from: oci(from.url), to: museum(url) }))
    expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'failed', succeed: 1, failed: 2 })
    const said = Object.fromEntries(tasks.map(({ src_resource, error }) => [src_resource, error]))
    expect(said['from/team/demo:1.0.0']).toBeNull()
    expect(said['from/demo']?.message).toContain('the server has no charts outside of tenants')
    expect(said['from/org/team/demo:1.0.0']?.message).toContain('org/team is not a tenant of the server')
    for (const name of ['from/demo', 'from/org/team/demo:1.0.0']) expect(said[name]?.hint).toMatch(/--depth/)
  })

  test('without tenants refuses one that is called as the directory of its archives, at once', async () => {
    const from = await registry()
    await push(from, 'charts/demo', one)
    const { url } = await chartMuseum()
    const { tasks, events } = await workplace().run(policy({ from: oci(from.url), to: museum(url) }))
    expect(tasks[0]?.error?.message).toContain('charts is not a tenant of the server: 500 (unsupported file extension)')
    expect(tasks[0]?.error?.hint).toMatch(/--depth/)
    const { outcome, events: others } = await workplace().run(
      policy({ from: museum(`${url}/charts`), to: oci(from.url) }),
    )
    expect(outcome.error).toMatchObject({
      message: expect.stringContaining(`there is no index below ${url}/charts`),
      hint: 'leave `/charts` out of `url:`',
    })
    expect([...events, ...others].filter(({ type }) => type === 'retry')).toEqual([])
  })

  test('with tenants has one that is called so', async () => {
    const from = await registry()
    await push(from, 'charts/demo', one)
    const { url } = await chartMuseum('--depth=1')
    const { outcome } = await workplace().run(policy({ from: oci(from.url), to: museum(url) }))
    expect(outcome.execution).toMatchObject({ status: 'succeeded', succeed: 1 })
    expect(await indexed(`${url}/charts`)).toContain('demo-1.0.0.tgz')
  })

  test('which another process writes to meanwhile: the same archive is a success, another one a failure', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    await push(from, 'other', chart('other', '1.0.0'))
    const { url } = await chartMuseum()
    const rival = chart('other', '1.0.0', {}, 'of somebody else')
    const rivals: Readonly<Record<string, Buffer>> = { [one.file]: one.archive, [rival.file]: rival.archive }
    const proxy = await fronted(url, async (file) => {
      await fetch(`${url}/api/charts`, { method: 'POST', body: new Uint8Array(rivals[file] ?? []) })
      return undefined
    })
    const { outcome, tasks } = await workplace().run(policy({ from: oci(from.url), to: museum(proxy) }))
    expect(outcome.execution, JSON.stringify(tasks)).toMatchObject({ status: 'failed', succeed: 1, failed: 1 })
    const failed = tasks.find(({ status }) => status === 'failed')
    expect(failed).toMatchObject({ src_resource: 'from/other:1.0.0' })
    expect(failed?.error?.message).toContain('chart other 1.0.0 was pushed by somebody else meanwhile')
    expect(await indexed(url)).toContain(rival.digest.slice('sha256:'.length))
  })

  test('that lets nothing be overwritten or deleted says so', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    await push(from, 'demo', build)
    const { url } = await chartMuseum('--disable-force-overwrite', '--disable-delete')
    const here = workplace()
    const yaml = policy({ from: oci(from.url), to: museum(url) }, '    deletion: mirror\n    max_deletions: 5\n')
    await here.run(yaml)
    from.repositories.get('demo')?.tags.delete('1.1.0_b.1')
    const deleting = await here.run(yaml)
    expect(deleting.tasks[0]?.error?.message).toContain('does not let charts be deleted')
    const changed = chart('demo', '1.0.0', {}, 'changed')
    await push(from, 'demo', changed, '1.0.0', provenance(changed))
    const { tasks } = await here.run(yaml)
    const said = tasks.map(({ error }) => error?.message ?? '').join('\n')
    expect(said).toContain('does not let chart demo 1.0.0 be overwritten')
    expect(await indexed(url)).toContain(one.digest.slice('sha256:'.length))
  })

  test('lets only those in whom it knows', async () => {
    const from = await registry()
    await push(from, 'demo', one)
    const { url } = await chartMuseum('--basic-auth-user=ann', '--basic-auth-pass=pw')
    const yaml = policy({ from: oci(from.url), to: museum(url) })
    const known = workplace({ REPLICATE_TO_USERNAME: 'ann', REPLICATE_TO_PASSWORD: 'pw' })
    expect((await known.run(yaml)).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect((await workplace().run(yaml)).outcome).toMatchObject({ exitCode: 3 })
    const wrong = workplace({ REPLICATE_TO_USERNAME: 'ann', REPLICATE_TO_PASSWORD: 'no' })
    expect((await wrong.run(yaml)).outcome).toMatchObject({ exitCode: 3 })
  })

  test('gives tokens of its token server to those it knows, each for its tenant', async () => {
    const from = await registry()
    await push(from, 'team/demo', one)
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const tokens = await listener({
      answer({ url, headers }) {
        const known = `Basic ${Buffer.from('ann:pw').toString('base64')}`
        if (headers.authorization !== known) return { status: 401 }
        const access = new URL(url, 'http://tokens').searchParams.getAll('scope').flatMap((scope) => {
          const [type, name, actions = ''] = scope.split(':')
          return [{ type, name, actions: actions.split(',') }]
        })
        const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 300, access })}`
        const signature = sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')
        return { status: 200, body: JSON.stringify({ token: `${signed}.${signature}` }) }
      },
    })
    const certificate = join(temporaryDirectory(), 'key.pem')
    writeFileSync(certificate, publicKey.export({ type: 'spki', format: 'pem' }))
    const bearer = [
      '--bearer-auth',
      `--auth-realm=${tokens.url}/token`,
      '--auth-service=museum',
      `--auth-cert-path=${certificate}`,
    ]
    const { url } = await chartMuseum('--depth=1', ...bearer)
    const here = workplace({ REPLICATE_TO_USERNAME: 'ann', REPLICATE_TO_PASSWORD: 'pw' })
    const yaml = policy({ from: oci(from.url), to: museum(url) })
    const { outcome, tasks } = await here.run(yaml)
    expect(outcome.execution, JSON.stringify({ tasks, error: String(outcome.error) })).toMatchObject({
      status: 'succeeded',
      total: 1,
    })
    expect(
      tokens.heard.some(({ url: asked }) => decodeURIComponent(asked).includes('artifact-repository:team:pull,push')),
    ).toBe(true)
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 1 })
  })

  test('may be that of an old Harbor', async () => {
    const from = await registry()
    await push(from, 'library/demo', one, '1.0.0', provenance(one))
    const { url } = await oldHarbor()
    const here = workplace()
    const api = ', options: { api: chartrepo }'
    const yaml = policy({ from: oci(from.url), to: museum(url, api) }, '    deletion: mirror\n    max_deletions: 5\n')
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect(await (await fetch(`${url}/chartrepo/library/charts/${one.file}.prov`)).text()).toContain('PGP')
    await push(from, 'library/demo', build)
    from.repositories.get('library/demo')?.tags.delete('1.0.0')
    expect((await here.run(yaml)).outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    expect(await indexed(`${url}/chartrepo/library`)).not.toContain('1.0.0')
    const away = policy(
      { from: museum(url, api), to: oci((await registry()).url) },
      '    filters: { name: library/* }\n',
    )
    expect((await here.run(away)).outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
  })
})
