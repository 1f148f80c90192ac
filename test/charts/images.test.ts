/** The images that charts name: rendered by Helm where it is there, else read from values. */

import { describe, expect, test } from 'vitest'
import { findImages } from '../../src/charts/images/find.ts'
import { parseImage } from '../../src/charts/images/reference.ts'
import { bytesOf } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { formatImage } from '../../src/core/images.ts'
import { type ChartFiles, chart, packed } from '../support/charts.ts'
import { pathOfTool } from '../support/tools.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const HELM = pathOfTool('helm')

interface Given {
  readonly files: ChartFiles
  readonly helm?: boolean
  readonly values?: string
  readonly limit?: number
  readonly signal?: AbortSignal
}

async function found({ files, helm, values, limit, signal = new AbortController().signal }: Given) {
  const one = chart('app', '1.0.0', files)
  const ctx: Context = { signal, emit: () => {} }
  const result = await findImages(
    { mediaType: 'application/gzip', digest: one.digest, size: one.archive.byteLength },
    bytesOf(one.archive),
    {
      ...(helm && HELM !== undefined ? { helm: { program: HELM, ...(limit === undefined ? {} : { limit }) } } : {}),
      values: values === undefined ? [] : [{ name: 'own.yaml', text: values }],
    },
    ctx,
  )
  return { images: result.images.map(formatImage).sort(), unresolved: result.unresolved, lasting: result.lasting }
}

describe('a reference to an image', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx'],
    ['nginx:1.25', 'docker.io/library/nginx:1.25'],
    ['bitnami/redis:7', 'docker.io/bitnami/redis:7'],
    ['index.docker.io/bitnami/redis:7', 'docker.io/bitnami/redis:7'],
    ['Quay.io/a/b', 'quay.io/a/b'],
    ['localhost/a:1', 'localhost/a:1'],
    ['127.0.0.1:5000/team/app:1.0', '127.0.0.1:5000/team/app:1.0'],
    ['[::1]:5000/team/app:1.0', '[::1]:5000/team/app:1.0'],
    [`ghcr.io/a/b:v1@${DIGEST}`, `ghcr.io/a/b:v1@${DIGEST}`],
    [` ghcr.io/a/b@${DIGEST} `, `ghcr.io/a/b@${DIGEST}`],
  ])('%s is %s', (text, wanted) => {
    const image = parseImage(text)
    expect(image && formatImage(image)).toBe(wanted)
  })

  test.each([
    '',
    'a:',
    'A/b',
    'a b',
    '{{ .Values.image }}',
    'http://a.b/c:1',
    'a.b/c@sha256:1',
    'a.b:99999/c:1',
    'user@host.example/c:1',
    '1.2.3.4.5/c:1',
    '999.1.1.1/c:1',
    'a.b:0/c:1',
    'a.b/../c:1',
    `a.b/${'c'.repeat(2000)}`,
  ])('%s is none', (text) => {
    expect(parseImage(text)).toBeUndefined()
  })
})

describe('without Helm, images are read from values', () => {
  test('as references, and as groups of registry, repository, tag and digest', async () => {
    const values = `
image: { registry: quay.io, repository: team/app, tag: 1.10.0 }
proxyImage: { repository: "proxy", tag: v1, pullPolicy: Always }
images:
  controller: { repository: ghcr.io/a/controller, tag: "2" }
  pinned: { repository: ghcr.io/a/pinned, digest: "${DIGEST}" }
job: { image: "busybox:1.36" }
old: { image: "team/old", tag: "3.1" }
bareRepository: { repository: "https://github.com/a/b" }
backgroundImage: picture.png
empty: { image: "" , sidecar: { image: { repository: "" } } }
`
    expect(await found({ files: { 'values.yaml': values } })).toEqual({
      images: [
        'docker.io/library/busybox:1.36',
        'docker.io/library/proxy:v1',
        'docker.io/team/old:3.1',
        'ghcr.io/a/controller:2',
        `ghcr.io/a/pinned@${DIGEST}`,
        'quay.io/team/app:1.10.0',
      ],
      unresolved: [],
      lasting: true,
    })
  })

  test('in the other ways that charts have', async () => {
    const values = `
controller: { image: { chroot: false, registry: registry.k8s.io, image: ingress-nginx/controller, tag: v1.11.2, digest: "${DIGEST}" } }
named: { image: { name: team/named, tag: "1" } }
hashed: { image: { registry: docker.io, repository: grafana/grafana, tag: "11", sha: ${'b'.repeat(64)} } }
beside: { registry: quay.io, image: team/beside, tag: "2" }
`
    expect(await found({ files: { 'values.yaml': values } })).toMatchObject({
      images: [
        `docker.io/grafana/grafana:11@sha256:${'b'.repeat(64)}`,
        'docker.io/team/named:1',
        'quay.io/team/beside:2',
        `registry.k8s.io/ingress-nginx/controller:v1.11.2@${DIGEST}`,
      ],
      unresolved: [],
    })
  })

  test('a library names none', async () => {
    const files = {
      'Chart.yaml': 'apiVersion: v2\nname: app\nversion: 1.0.0\ntype: library\n',
      'values.yaml': 'image: a/b\n',
    }
    expect(await found({ files, helm: true })).toMatchObject({ images: [], unresolved: [] })
  })

  test('what is not said is told with its place', async () => {
    const values = 'sidecar: { image: { repository: a/b } }\nimage: "{{ .Values.x }}"\nlist: [{ image: a/c }]\n'
    expect((await found({ files: { 'values.yaml': values } })).unresolved).toEqual([
      'values.yaml: sidecar.image has no tag',
      'values.yaml: image is not a reference to an image: "{{ .Values.x }}"',
      'values.yaml: list.0.image has no tag',
    ])
  })

  test('with those of the charts in it, which the values of the chart and of the user replace', async () => {
    const inner = packed([
      ['deep/Chart.yaml', Buffer.from('apiVersion: v2\nname: deep\nversion: 1.0.0\n')],
      ['deep/values.yaml', Buffer.from('image: deep:1\n')],
    ])
    const files: ChartFiles = {
      'Chart.yaml':
        'apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- { name: sub, version: 1.x, repository: "", alias: one }\n- { name: sub, version: 1.x, repository: "", alias: two }\n',
      'values.yaml': 'image: app:1\none: { image: { tag: "2" } }\n',
      'charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
      'charts/sub/values.yaml': 'image: { repository: sub, tag: "1" }\n',
    }
    const one = packed([
      ...Object.entries(files).map(([path, text]) => [`app/${path}`, Buffer.from(text)] as const),
      ['app/charts/deep-1.0.0.tgz', inner],
    ])
    const { createHash } = await import('node:crypto')
    const digest = `sha256:${createHash('sha256').update(one).digest('hex')}` as const
    const result = await findImages(
      { mediaType: '', digest, size: one.byteLength },
      bytesOf(one),
      { values: [{ name: 'own.yaml', text: 'deep: { image: "deep:9" }\nimage: app:5\n' }] },
      { signal: new AbortController().signal, emit: () => {} },
    )
    expect(result.images.map(formatImage).sort()).toEqual([
      'docker.io/library/app:5',
      'docker.io/library/deep:9',
      'docker.io/library/sub:1',
      'docker.io/library/sub:2',
    ])
  })

  test('and from the annotation of Artifact Hub', async () => {
    const annotated = `apiVersion: v2
name: app
version: 1.0.0
annotations:
  artifacthub.io/images: |
    - name: one
      image: quay.io/a/one:1
    - name: two
`
    expect(await found({ files: { 'Chart.yaml': annotated } })).toEqual({
      images: ['quay.io/a/one:1'],
      unresolved: ['the annotation artifacthub.io/images names no image in its entry 2'],
      lasting: true,
    })
  })

  test('an archive with another digest, or that is no chart, is refused', async () => {
    const one = chart('app', '1.0.0')
    const ctx: Context = { signal: new AbortController().signal, emit: () => {} }
    const other = { mediaType: '', digest: chart('app', '1.0.1').digest, size: 1 }
    await expect(findImages(other, bytesOf(one.archive), { values: [] }, ctx)).rejects.toThrow(/should be sha256:/)
  })

  test('archives in archives unpack to no more than Helm allows', async () => {
    const bomb = packed([['x/templates/a', Buffer.alloc(4 * 1024 * 1024)]])
    const names = Array.from({ length: 60 }, (_, index) => index)
    const one = packed([
      ['app/Chart.yaml', Buffer.from('apiVersion: v2\nname: app\nversion: 1.0.0\n')],
      ...names.map((index) => [`app/charts/b${index}.tgz`, bomb] as const),
    ])
    const { createHash } = await import('node:crypto')
    const digest = `sha256:${createHash('sha256').update(one).digest('hex')}` as const
    const { unresolved } = await findImages(
      { mediaType: '', digest, size: one.byteLength },
      bytesOf(one),
      { values: [] },
      { signal: new AbortController().signal, emit: () => {} },
    )
    expect(unresolved.join('\n')).toContain('more than 100 MiB')
  })
})

const POD = (image: string, more = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n  - name: a\n    image: ${image}\n${more}`

describe.skipIf(HELM === undefined)('with Helm, a chart is rendered', () => {
  test('with its values and those of the user', async () => {
    const files: ChartFiles = {
      'values.yaml': 'image: { repository: team/app }\nother: never/used:1\n',
      'templates/pod.yaml': POD(
        '"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.Version }}"',
        '  initContainers: [{ name: i, image: busybox }]\n',
      ),
      'templates/own.yaml':
        'apiVersion: example.com/v1\nkind: Database\nmetadata: { name: db }\nspec: { image: "quay.io/db/db:15", other: { image: { repository: a/b, tag: "3" } }, vm: { image: ubuntu } }\n',
    }
    expect(await found({ files, helm: true })).toEqual({
      images: ['docker.io/a/b:3', 'docker.io/library/busybox:latest', 'docker.io/team/app:1.0.0', 'quay.io/db/db:15'],
      unresolved: ['Database db: spec.vm.image has no tag'],
      lasting: true,
    })
    const other = await found({ files, helm: true, values: 'image: { repository: r.example.com/app, tag: "7" }\n' })
    expect(other.images).toContain('r.example.com/app:7')
  })

  test('with what its programs are told of by arguments and variables', async () => {
    const more = `    args: ["--acme-solver-image=quay.io/jetstack/solver:v1", "--image-pull-policy=Always", "--url=http://a.example/b:1"]
    env: [{ name: RELATED_IMAGE_DB, value: "ghcr.io/a/db:2" }, { name: OTHER, value: "ghcr.io/a/c:2" }, { name: IMAGE_TAG, value: "1.0" }]
`
    expect(await found({ files: { 'templates/a.yaml': POD('a/b:1', more) }, helm: true })).toMatchObject({
      images: ['docker.io/a/b:1', 'ghcr.io/a/db:2', 'quay.io/jetstack/solver:v1'],
      unresolved: [],
    })
  })

  test('what the user gave it is not told', async () => {
    const files = { 'templates/a.yaml': '{{ fail (printf "bad password %s" .Values.password) }}' }
    const { unresolved } = await found({ files, helm: true, values: 'password: hunter2-long\n' })
    expect(unresolved.join()).toContain('bad password ***')
    expect(unresolved.join()).not.toContain('hunter2')
  })

  test('what it cannot render is read from its values, and told', async () => {
    const files = {
      'values.yaml': 'image: a/b:1\n',
      'templates/a.yaml': '{{ required "say a domain" .Values.domain }}',
    }
    const { images, unresolved, lasting } = await found({ files, helm: true })
    expect(images).toEqual(['docker.io/a/b:1'])
    expect(unresolved).toMatchObject([
      expect.stringMatching(/^helm template failed, so its values are read: .*say a domain/),
    ])
    expect(lasting).toBe(true)
    const missing =
      'apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- { name: s, version: 1.x, repository: "http://127.0.0.1:9" }\n'
    expect((await found({ files: { 'Chart.yaml': missing }, helm: true })).unresolved.join()).toMatch(/dependenc/)
  })

  test('a template that never ends is given up, and tried again another time', async () => {
    const files = {
      'templates/a.yaml': '{{ range untilStep 0 90000 1 }}{{ range untilStep 0 90000 1 }}{{ end }}{{ end }}',
    }
    const { unresolved, lasting } = await found({ files, helm: true, limit: 500 })
    expect(unresolved).toEqual(['helm template failed, so its values are read: it took longer than 0.5 s'])
    expect(lasting).toBe(false)
  })

  test('a template that prints without end is given up', async () => {
    const files = { 'templates/a.yaml': '{{ range untilStep 0 30 1 }}\n# {{ repeat 1000000 "a" }}\n{{ end }}' }
    const { unresolved } = await found({ files, helm: true })
    expect(unresolved).toEqual(['helm template failed, so its values are read: it printed more than 16 MiB'])
  })

  test('it learns nothing of this machine', async () => {
    const files = { 'templates/a.yaml': '{{ fail (printf "%s" (getHostByName "localhost")) }}' }
    expect((await found({ files, helm: true })).unresolved.join()).not.toContain('127.0.0.1')
    const schema = { 'values.schema.json': '{"$ref":"http://127.0.0.1:9/never"}', 'templates/a.yaml': POD('a/b:1') }
    expect(await found({ files: schema, helm: true })).toMatchObject({ images: ['docker.io/a/b:1'], unresolved: [] })
  })

  test('it ends with the run', async () => {
    const stop = new AbortController()
    const files = {
      'templates/a.yaml': '{{ range untilStep 0 90000 1 }}{{ range untilStep 0 90000 1 }}{{ end }}{{ end }}',
    }
    const result = found({ files, helm: true, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('stopped')), 200)
    await expect(result).rejects.toThrow('stopped')
  })
})
