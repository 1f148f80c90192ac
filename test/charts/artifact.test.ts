/** A chart as the artifact that `helm push` makes: the same bytes, whatever stands in its Chart.yaml. */

import { describe, expect, test } from 'vitest'
import { readArchive } from '../../src/charts/chart/archive.ts'
import { artifactOf } from '../../src/charts/chart/artifact.ts'
import { readMetadata } from '../../src/charts/chart/metadata.ts'
import { chartIn } from '../../src/core/chart.ts'
import { bytesOf } from '../../src/core/content.ts'
import { chart, packed, provenance } from '../support/charts.ts'

const content = (digit: string, size: number) => ({ digest: `sha256:${digit.repeat(64)}` as const, size })

describe('the artifact of a chart', () => {
  test('is that of the example in the tests of Helm, with its provenance before its archive', () => {
    const metadata = readMetadata(
      'apiVersion: v1\ndescription: A Helm chart for Kubernetes\nname: signtest\nversion: 0.1.0\n',
      undefined,
    )
    const archive = {
      digest: 'sha256:e5ef611620fb97704d8751c16bab17fedb68883bfb0edc76f78a70e9173f9b55' as const,
      size: 973,
    }
    const signature = {
      digest: 'sha256:b0a02b7412f78ae93324d48df8fcc316d8482e5ad7827b5b238657a29a22f256' as const,
      size: 695,
    }
    const { manifest, config } = artifactOf(metadata, archive, signature, new Date('1977-09-02T22:04:05Z'))
    expect(config.toString()).toBe(
      '{"name":"signtest","version":"0.1.0","description":"A Helm chart for Kubernetes","apiVersion":"v1"}',
    )
    expect(manifest.digest).toBe('sha256:fbbade96da6050f68f94f122881e3b80051a18f13ab5f4081868dd494538f5c2')
    expect(chartIn(manifest)).toMatchObject({ archive, provenance: signature })
  })

  test('reads plain scalars by the rules of Go', () => {
    const read = (value: string): unknown => readMetadata(`name: a\nversion: 1.0.0\nappVersion: ${value}\n`, undefined)
    const expected: readonly (readonly [string, string | undefined])[] = [
      ['1.10', '1.1'],
      ['"1.10"', '1.10'],
      ['!!str 1.10', '1.10'],
      ['yes', 'true'],
      ['Off', 'false'],
      ['1_000', '1000'],
      ['0x1F', '31'],
      ['010', '8'],
      ['0o17', '15'],
      ['0b11', '3'],
      ['1e3', '1000'],
      ['1000000.0', '1e+06'],
      ['123456.789', '123456.79'],
      ['0.00001', '1e-05'],
      ['.inf', '+Inf'],
      ['12345678901234567890', '12345678901234567890'],
      ['2024-01-02', '2024-01-02'],
      ['v1', 'v1'],
      ['~', undefined],
    ]
    for (const [text, value] of expected) {
      if (value === undefined) expect(read(text), text).not.toHaveProperty('appVersion')
      else expect(read(text), text).toMatchObject({ appVersion: value })
    }
  })

  test('escapes as Go does, cleans texts as Helm does, and keeps the texts of annotations', () => {
    const metadata = readMetadata(
      [
        'apiVersion: v2',
        'name: a',
        'version: 1.2.3+b',
        'description: "x <b> & \\u2028y\\tz \\u0007"',
        'home: https://e.com/?a=1&b=2',
        'sources: ["https://a/<x>", other]',
        'maintainers: [{name: A & B, email: a@b.c}, {email: only@mail}, {name: C}]',
        'annotations: {b: "tab\\there", a: yes, org.opencontainers.image.description: mine, org.opencontainers.image.title: no}',
      ].join('\n'),
      undefined,
    )
    const { manifest, config } = artifactOf(metadata, content('a', 1), undefined, undefined)
    expect(config.toString()).toContain('"description":"x \\u003cb\\u003e \\u0026  y z "')
    const { annotations } = JSON.parse(Buffer.from(manifest.bytes).toString())
    expect(annotations).toEqual({
      a: 'true',
      b: 'tab\there',
      'org.opencontainers.image.authors': 'A & B (a@b.c),  (only@mail), C',
      'org.opencontainers.image.description': 'mine',
      'org.opencontainers.image.source': 'https://a/<x>',
      'org.opencontainers.image.title': 'a',
      'org.opencontainers.image.url': 'https://e.com/?a=1&b=2',
      'org.opencontainers.image.version': '1.2.3+b',
    })
    expect(Object.keys(annotations)).toEqual(Object.keys(annotations).toSorted())
  })

  test('has the requirements of an old chart among its dependencies', async () => {
    const old = chart('old', '0.1.0', {
      'Chart.yaml': 'name: old\nversion: 0.1.0\n',
      'requirements.yaml': 'dependencies:\n- name: redis\n  version: 0.1.0\n  import-values: [a, {child: b, a: 1}]\n',
    })
    const { metadata } = await readArchive(bytesOf(old.archive))
    const { config } = artifactOf(metadata, content('a', 1), undefined, undefined)
    expect(config.toString()).toBe(
      '{"name":"old","version":"0.1.0","apiVersion":"v1","dependencies":[{"name":"redis","version":"0.1.0","repository":"","import-values":["a",{"a":1,"child":"b"}]}]}',
    )
  })
})

describe('an archive that Helm would refuse', () => {
  const yaml = Buffer.from('name: a\nversion: 1.0.0\n')
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['is no gzip', Buffer.from('not a chart'), /not a chart's archive/],
    ['is cut off', chart('a', '1.0.0').archive.subarray(0, 200), /not a chart's archive/],
    ['is empty', packed([]), /no Chart.yaml/],
    ['has no Chart.yaml', packed([['a/values.yaml', yaml]]), /no Chart.yaml/],
    ['has it in no directory', packed([['Chart.yaml', yaml]]), /not in a directory/],
    [
      'leaves its directory',
      packed([
        ['a/Chart.yaml', yaml],
        ['a/../../b', yaml],
      ]),
      /leaves the directory/,
    ],
    [
      'has an absolute path',
      packed([
        ['a/Chart.yaml', yaml],
        ['a//etc/passwd', yaml],
      ]),
      /absolute path/,
    ],
    [
      'has a drive',
      packed([
        ['a/Chart.yaml', yaml],
        ['a\\C:\\x', yaml],
      ]),
      /absolute path/,
    ],
    [
      'has a file of more than 5 MiB',
      packed([
        ['a/Chart.yaml', yaml],
        ['a/x', Buffer.alloc(6 << 20)],
      ]),
      /5 MiB/,
    ],
    [
      'unpacks to more than 100 MiB',
      packed([
        ['a/Chart.yaml', yaml],
        ...Array.from({ length: 26 }, (_, at) => [`a/${at}`, Buffer.alloc(4 << 20)] as const),
      ]),
      /100 MiB/,
    ],
    ['has YAML that is none', packed([['a/Chart.yaml', Buffer.from('{')]]), /Chart.yaml is not valid YAML/],
    [
      'has a list for a name',
      packed([['a/Chart.yaml', Buffer.from('name: [a]\nversion: 1.0.0')]]),
      /name is not a text/,
    ],
    ['has no version', packed([['a/Chart.yaml', Buffer.from('name: a')]]), /no version/],
    ['has a version that is none', packed([['a/Chart.yaml', Buffer.from('name: a\nversion: newest')]]), /semantic/],
    ['has a path for a name', packed([['a/Chart.yaml', Buffer.from('name: ../a\nversion: 1.0.0')]]), /not the name/],
    [
      'grows by its aliases',
      packed([
        [
          'a/Chart.yaml',
          Buffer.from(
            `a: &a [x,x,x,x,x,x,x,x]\n${'bcdefghi'.replace(/./g, (at) => `${at}: &${at} [${`*${String.fromCharCode(at.charCodeAt(0) - 1)},`.repeat(8)}]\n`)}name: a\nversion: 1.0.0`,
          ),
        ],
      ]),
      /too large or too deep/,
    ],
  ]
  test.each(cases)('%s', async (_, archive, reason) => {
    await expect(readArchive(bytesOf(archive))).rejects.toThrow(reason)
  })

  test('is not one with a mark before its YAML, subcharts, links and provenance', async () => {
    const archive = packed([
      ['a/', Buffer.alloc(0), '5'],
      ['a/Chart.yaml', Buffer.from('\uFEFFname: a\nversion: v1.2\n')],
      ['a/charts/b/Chart.yaml', Buffer.from('name: b\nversion: 9.9.9')],
      ['a/link', Buffer.alloc(0), '2'],
    ])
    const read = await readArchive(bytesOf(archive))
    expect(read).toEqual({
      metadata: { name: 'a', version: 'v1.2', apiVersion: 'v1' },
      newest: new Date('2024-03-01T10:00:00Z'),
    })
    expect(provenance(chart('a', '1.0.0')).toString()).toContain('a-1.0.0.tgz')
  })
})
