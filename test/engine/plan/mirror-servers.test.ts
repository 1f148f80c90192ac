/** Deletes and repairs against real registries, each of which does it its own way. */

import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { descriptorOf } from '../../../src/core/manifest.ts'
import { policyBetween, workplace } from '../../e2e/harness.ts'
import { program } from '../../e2e/program.ts'
import { cosignSignature, image, index } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { availableServers, type RealServer, type ServerName, startServer } from '../../support/servers.ts'

async function tagsAt(server: RealServer, repository: string): Promise<readonly string[]> {
  const response = await fetch(`${server.url}/v2/${repository}/tags/list`)
  const { tags } = (await response.json()) as { readonly tags: readonly string[] | null }
  return [...(tags ?? [])].sort()
}

function policy(name: ServerName, source: string, destination: string, extra: string): string {
  const yaml = policyBetween(source, destination, extra)
  return name === 'zot' ? yaml.replace('to: { type: docker-registry', 'to: { type: zot') : yaml
}

describe.each(availableServers())('%s', (name) => {
  test('loses the tags that the source no longer has, and what hangs on them, and nothing else', async () => {
    const server = await startServer(name)
    const source = await startMemoryRegistry()
    try {
      const [gone, same, kept] = [image({ seed: 'gone' }), image({ seed: 'same' }), image({ seed: 'kept' })]
      const list = index([image({ seed: 'child' })])
      const signature = cosignSignature(descriptorOf(gone))
      source.add('app', gone, 'gone')
      source.add('app', signature.artifact, signature.tag)
      source.add('app', same, 'same-1')
      source.add('app', same, 'same-2')
      source.add('app', kept, 'kept')
      source.add('app', list, 'list')
      const yaml = policy(name, source.url, server.url, '    deletion: mirror\n    max_deletions: 3')
      const place = workplace()
      expect((await place.run(yaml)).outcome.exitCode).toBe(0)
      for (const tag of ['gone', 'same-1', 'list']) source.repository('app').tags.delete(tag)
      const { outcome, tasks } = await place.run(yaml)
      const left = ['kept', 'same-2']
      if (name === 'docker-registry') {
        // Version 2 deletes manifests only: the tag that shares one with another tag stays, and says why.
        left.push('same-1')
        expect(outcome).toMatchObject({ exitCode: 1, execution: { succeed: 2, failed: 1 } })
        expect(tasks.find(({ status }) => status === 'failed')?.error?.message).toContain('cannot remove just a tag')
      } else {
        expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
      }
      expect(await tagsAt(server, 'mirror/app')).toEqual(left.sort())
      // Again: what is gone is gone.
      expect((await place.run(yaml)).outcome.execution).toMatchObject({ succeed: 0, unchanged: 2 })
    } finally {
      await source.close()
      await server.stop()
    }
  })

  test('gets back a blob and a child manifest that its storage lost', async () => {
    const server = await startServer(name)
    const source = await startMemoryRegistry()
    try {
      const child = image({ seed: 'child' })
      source.add('app', index([child, image({ seed: 'other' })]), 'v1')
      const yaml = policy(name, source.url, server.url, '')
      const cli = program()
      cli.write('policy.yaml', yaml)
      expect((await cli.run(['run', 'policy.yaml'])).code).toBe(0)
      const layer = [...child.blobs.keys()].at(-1) ?? ''
      for (const digest of [layer, child.digest]) loseBlob(server, 'mirror/app', digest)
      const found = await cli.run(['verify', 'policy.yaml'])
      expect(found.code).toBe(1)
      expect(found.stdout).toContain(child.digest)
      const repaired = await cli.run(['verify', 'policy.yaml', '--repair'])
      expect(repaired.stdout + repaired.stderr).toContain('repaired')
      expect(repaired.code).toBe(0)
      expect((await cli.run(['verify', 'policy.yaml', '--full'])).code).toBe(0)
    } finally {
      await source.close()
      await server.stop()
    }
  })

  test('with --full tells bytes that have changed, and says where sending them again has not helped', async () => {
    const server = await startServer(name)
    const source = await startMemoryRegistry()
    try {
      const artifact = image({ seed: 'bits' })
      source.add('app', artifact, 'v1')
      const cli = program()
      cli.write('policy.yaml', policy(name, source.url, server.url, ''))
      expect((await cli.run(['run', 'policy.yaml'])).code).toBe(0)
      const layer = [...artifact.blobs.keys()].at(-1) ?? ''
      const path = pathOfBlob(server, 'mirror/app', layer)
      writeFileSync(statSync(path).isDirectory() ? join(path, 'data') : path, Buffer.alloc(1000))
      expect((await cli.run(['verify', 'policy.yaml'])).code).toBe(0)
      const found = await cli.run(['verify', 'policy.yaml', '--full', '--repair'])
      expect(found.stdout).toContain(`damaged blob ${layer}`)
      // Each of these keeps the file that it has by that name.
      expect(found.code).toBe(1)
      expect(found.stderr).toContain('a registry may keep a damaged copy of what it already has')
    } finally {
      await source.close()
      await server.stop()
    }
  })
})

/** Takes the bytes away behind the registry's back. */
function loseBlob(server: RealServer, repository: string, digest: string): void {
  rmSync(pathOfBlob(server, repository, digest), { recursive: true })
}

/** A file, or the directory that holds it. */
function pathOfBlob({ name, directory }: RealServer, repository: string, digest: string): string {
  const hex = digest.slice('sha256:'.length)
  return name === 'zot'
    ? join(directory, repository, 'blobs/sha256', hex)
    : join(directory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex)
}
