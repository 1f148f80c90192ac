/** References, and the policy that `copy` makes of two of them. */

import { describe, expect, test } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import { type CopyRequest, copyPolicy } from '../../src/config/copy.ts'
import { isMistake, parseReference, repositoryPattern } from '../../src/config/reference.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import { DIRECTORY, load } from './setup.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const HUB = { name: 'hub', type: 'docker-registry', url: 'https://hub.example.com' }
const NAMES = { registries: new Map([['hub', HUB]]), types: adapters, directory: DIRECTORY }

describe('a reference', () => {
  test.each([
    ['hub', 'hub', undefined, undefined],
    ['hub/', 'hub', undefined, undefined],
    ['hub/a/b', 'hub', 'a/b', undefined],
    ['hub/a/b/', 'hub', 'a/b', undefined],
    ['hub/a:1.0', 'hub', 'a', '1.0'],
    ['hub/{a/b,c}:{3.*,latest}', 'hub', '{a/b,c}', '{3.*,latest}'],
    ['localhost/a', 'localhost', 'a', undefined],
    ['localhost:5000/a:1', 'localhost:5000', 'a', '1'],
    ['[::1]:5000/a', '[::1]:5000', 'a', undefined],
    ['ghcr.io/a/b:v*', 'ghcr.io', 'a/b', 'v*'],
    ['oci:./dir', 'oci:/project/dir', undefined, undefined],
    ['oci:dir:latest', 'oci:/project/dir', undefined, 'latest'],
    ['oci:/dir:a/b:1', 'oci:/dir', 'a/b', '1'],
    ['oci:dir:a/b', 'oci:/project/dir', 'a/b', undefined],
    ['tar:x.tar:a:1', 'tar:/project/x.tar', 'a', '1'],
    ['tar:x.tar.zst:1', 'tar:/project/x.tar.zst', undefined, '1'],
    ['docker-archive:saved:latest', 'docker-archive:/project/saved', undefined, 'latest'],
    ['docker-archive:/x.tar.gz:alpine:3', 'docker-archive:/x.tar.gz', 'alpine', '3'],
    ['dir:5000/a:1', 'dir:5000', 'a', '1'],
  ])('%s is read', (text, registry, path, tag) => {
    const result = parseReference(text, NAMES)
    if (isMistake(result)) expect.unreachable(result.message)
    expect([result.registry.name, result.path, result.tag]).toEqual([registry, path, tag])
  })

  test('may hold a digest', () => {
    expect(parseReference(`hub/a@${DIGEST}`, NAMES)).toMatchObject({ path: 'a', digest: DIGEST })
  })

  test('of a layout may be its only image, by digest', () => {
    expect(parseReference(`oci:dir@${DIGEST}`, NAMES)).toMatchObject({
      registry: { path: '/project/dir' },
      digest: DIGEST,
    })
    expect(parseReference(`tar:x.tar@${DIGEST}`, NAMES)).toMatchObject({ digest: DIGEST })
    expect(parseReference(`oci:dir:1@${DIGEST}`, NAMES)).toMatchObject({
      registry: { path: '/project/dir' },
      tag: `1@${DIGEST}`,
    })
    expect(parseReference('oci:dir@sha256:abc', NAMES)).toMatchObject({
      message: 'this is not a sha256 or sha512 digest',
      offset: 8,
    })
  })

  test.each([
    ['docker-daemon:app:1', 'convert it first: skopeo copy docker-daemon:app:1 oci:DIRECTORY:TAG'],
    ['dir:/tmp/d', 'convert it first: skopeo copy dir:/tmp/d oci:DIRECTORY:TAG'],
    ['oci-archive:a.tar', 'write `tar:a.tar`'],
    ['ocidir://layout:1', 'write `oci:layout:1`'],
  ])('of other tools, %s, is refused with what to write', (text, hint) => {
    expect(parseReference(text, NAMES)).toMatchObject({ offset: 0, hint })
  })

  test('may hold a tag and a digest: that digest, under that tag', () => {
    const pinned = parseReference(`hub/a:1@${DIGEST}`, NAMES)
    expect(pinned).toMatchObject({ path: 'a', tag: `1@${DIGEST}`, tagAt: 6 })
    expect(pinned).not.toHaveProperty('digest')
    expect(parseReference(`oci:dir:a:1@${DIGEST}`, NAMES)).toMatchObject({ path: 'a', tag: `1@${DIGEST}` })
  })

  test.each([
    ['alpine', 'docker.io/library/alpine'],
    ['alpine:3', 'docker.io/library/alpine:3'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['bitnami/redis:7', 'docker.io/bitnami/redis:7'],
  ])('that begins with no registry, as %s, may be an image of Docker Hub', (text, image) => {
    expect(parseReference(text, NAMES)).toMatchObject({ hint: expect.stringContaining(`\`${image}\``) })
  })

  test('is a host and its port if that is written with a slash, or defined', () => {
    expect(parseReference('registry:5000/', NAMES)).toMatchObject({ registry: { url: 'https://registry:5000' } })
    expect(parseReference('localhost:5000', NAMES)).toMatchObject({ registry: { url: 'http://localhost:5000' } })
    const defined = { ...NAMES, registries: new Map([['registry:5000', HUB]]) }
    expect(parseReference('registry:5000', defined)).toMatchObject({ registry: HUB })
  })

  test.each([
    ['', 'the registry is missing', 0],
    ['hubb/a', 'no registry is named `hubb`', 0],
    ['alpine:3.20', 'no registry is named `alpine:3.20`', 0],
    ['alpine:3', 'no registry is named `alpine:3`', 0],
    ['hub/a:', 'the tag is empty', 5],
    ['hub/:1', 'a tag needs a repository before it', 4],
    ['hub/a:1/b', 'a tag has no `/` and no `:`', 7],
    ['hub/{a:1,b}', 'a tag cannot stand inside braces', 6],
    [`hub/a:1.*@${DIGEST}`, '`1.*` is not a tag, which a digest can stand for', 6],
    ['hub/a@sha256:abc', 'this is not a sha256 or sha512 digest', 6],
    ['hub/a:1@sha256:abc', 'this is not a sha256 or sha512 digest', 8],
    ['oci:', '`oci:` names no directory', 4],
    ['tar:dir', '`dir` does not end in `.tar`', 4],
    ['https://hub.example.com/a', '`https://` has no place in a reference', 0],
    ['oci://hub/charts/a', '`oci://` has no place in a reference', 0],
    ['/tmp/dir', '`/tmp/dir` is a path, not a reference', 0],
    ['./dir', '`./dir` is a path, not a reference', 0],
    ['images.tar', '`images.tar` is a path, not a reference', 0],
  ])('%s is refused at its place', (text, message, offset) => {
    expect(parseReference(text, NAMES)).toMatchObject({ message, offset })
  })

  test('is told how it would be right without the scheme of other tools', () => {
    expect(parseReference('docker://hub/a:1', NAMES)).toMatchObject({ hint: 'write `hub/a:1`' })
    expect(parseReference('http://hub/a', NAMES)).toMatchObject({ hint: expect.stringContaining('`url: http://…`') })
  })

  test.each([
    ['/tmp/dir', 'write `oci:/tmp/dir`'],
    ['../dir', 'write `oci:../dir`'],
    ['~/dir', 'write `oci:~/dir`'],
    ['.', 'write `oci:.`'],
    ['images.tar', 'write `tar:images.tar` (or `docker-archive:images.tar`)'],
    ['/tmp/images.tar.gz', 'write `tar:/tmp/images.tar.gz` (or `docker-archive:/tmp/images.tar.gz`)'],
  ])('%s is a path: its form here is told', (text, hint) => {
    expect(parseReference(text, NAMES)).toMatchObject({ hint })
  })

  test('may have a repository that is called like an archive', () => {
    expect(parseReference('hub/images.tar', NAMES)).toMatchObject({ path: 'images.tar' })
    expect(parseReference('b.example.com/x/images.tar:1', NAMES)).toMatchObject({ path: 'x/images.tar', tag: '1' })
  })

  test('of one part lies in library on Docker Hub only', () => {
    const hub = { name: 'x', type: 'docker-registry', url: 'https://registry-1.docker.io' }
    expect(repositoryPattern(hub, 'alpine', adapters)).toBe('library/alpine')
    expect(repositoryPattern(hub, '{alpine,redis}', adapters)).toBe('library/{alpine,redis}')
    expect(repositoryPattern(hub, 'bitnami/redis', adapters)).toBe('bitnami/redis')
    expect(repositoryPattern(hub, '**', adapters)).toBe('**')
    expect(repositoryPattern(HUB, 'alpine', adapters)).toBe('alpine')
  })
})

describe('copy', () => {
  const copied = (source: string, destination: string, options: Partial<CopyRequest> = {}) =>
    copyPolicy({ source, destination, ...options }, load(''))
  const landing = (source: string, destination: string): unknown => {
    const { registry, create, public: visible, ...rest } = copied(source, destination).destination
    return rest
  }

  test('to a path with a trailing slash keeps the name, without one it is the name', () => {
    expect(landing('a.example.com/x/y:1', 'b.example.com/m/')).toEqual({ namespace: 'm', flatten: 'all' })
    expect(landing('a.example.com/x/y:1', 'b.example.com/m/n')).toEqual({ repository: 'm/n', flatten: 0 })
    expect(landing('a.example.com/x/y:1', 'b.example.com/m/n:2')).toEqual({ repository: 'm/n', tag: '2', flatten: 0 })
    expect(landing('a.example.com/x/y:1', 'b.example.com')).toEqual({ flatten: 0 })
    expect(landing('a.example.com/x/y:1', 'oci:dir')).toEqual({ flatten: 0 })
    expect(landing('a.example.com/x/y:1', 'oci:dir:2')).toEqual({ tag: '2', flatten: 0 })
    expect(landing(`a.example.com/x/y@${DIGEST}`, 'b.example.com/m/n:2')).toMatchObject({ tag: '2' })
    expect(landing('a.example.com/x/y:1', 'b.example.com/m/n:2.0+up1')).toMatchObject({ tag: '2.0_up1' })
    expect(landing('a.example.com/x/y:1', 'docker.io/n')).toEqual({ repository: 'library/n', flatten: 0 })
  })

  test('selects what the source says', () => {
    expect(copied('docker.io/alpine:3.*', 'b.example.com/').filters).toEqual({
      resource: 'all',
      untagged: false,
      platforms_index: 'sparse',
      name: ['library/alpine'],
      tag: ['3.*'],
    })
    expect(copied(`a.example.com/x@${DIGEST}`, 'b.example.com/').filters.digest).toBe(DIGEST)
    const options = { platforms: ['linux/amd64'], referrers: false, override: false }
    expect(copied('a.example.com/x:1', 'oci:dir', options)).toMatchObject({
      name: 'copy',
      source: { registry: 'a.example.com' },
      destination: { registry: 'oci:/project/dir' },
      filters: { platforms: ['linux/amd64'] },
      referrers: false,
      override: false,
    })
  })

  test.each([
    ['nowhere/x', 'b.example.com', 'no registry is named `nowhere`'],
    ['a.example.com/x/{a', 'b.example.com', 'is not a valid pattern at column 17: `{` is never closed'],
    ['a.example.com/{x,y}:1', 'b.example.com/z', 'several repositories cannot land on one'],
    ['a.example.com/x:*', 'b.example.com/z:1', 'several tags cannot land on one'],
    ['a.example.com/x', 'b.example.com/z', 'names no tag'],
    ['a.example.com/{x,y}/', 'b.example.com/z/', 'names no tag'],
    ['a.example.com/x:{1,2}', 'b.example.com/z:1', 'several tags cannot land on one'],
    ['a.example.com/x:1', 'b.example.com/Z', '`Z` is not a repository'],
    ['a.example.com/x:1', 'b.example.com/z:*', '`*` is not a tag'],
    ['a.example.com/x:1', `b.example.com/z@${DIGEST}`, 'a destination has no digest'],
    ['a.example.com/x:1', `b.example.com/z:1@${DIGEST}`, 'a destination has no digest'],
  ])('from %s to %s is refused', (source, destination, message) => {
    expect(() => copied(source, destination)).toThrow(ConfigurationError)
    expect(() => copied(source, destination)).toThrow(message)
  })

  test('of a repository without a tag says how one tag and how all are written; of many repositories it takes all', () => {
    const hint = "write `a.example.com/x:latest` or another tag, or 'a.example.com/x:*' for all tags"
    expect(() => copied('a.example.com/x', 'b.example.com/z')).toThrow(expect.objectContaining({ hint }))
    expect(copied('a.example.com/x/**', 'b.example.com').filters.tag).toBeUndefined()
    expect(copied('a.example.com', 'b.example.com').filters.name).toBeUndefined()
  })

  test('of a tag and a digest may get another tag', () => {
    const { filters, destination } = copied(`a.example.com/x:1@${DIGEST}`, 'b.example.com/z:2')
    expect([filters.tag, filters.digest, destination.tag]).toEqual([[`1@${DIGEST}`], undefined, '2'])
  })

  test('refuses a malformed platform', () => {
    expect(() => copied('a.example.com/x:1', 'b.example.com', { platforms: ['amd64'] })).toThrow('not a platform')
  })
})
