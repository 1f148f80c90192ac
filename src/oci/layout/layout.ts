/** OCI layouts as a registry: a directory or a tar that holds repositories. */

import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Adapter, TagInfo } from '../../core/adapter.ts'
import type { Descriptor } from '../../core/descriptor.ts'
import { ConfigurationError, UnsupportedError } from '../../core/errors.ts'
import { isRepositoryName } from '../../core/reference.ts'
import type { Registry } from '../../core/registry.ts'
import { checkFree, DirectoryLayout, isInside, isLayout, type LayoutFiles } from './directory.ts'
import { fileError, isAbsent } from './file.ts'
import { descriptorOfEntry, findTag, type Naming, repositoriesIn } from './index.ts'
import { Subjects } from './referrers.ts'
import { existingIndex, type LayoutStore, layoutRepository, listed, type Opened } from './store.ts'
import { TarLayout } from './tar/tar.ts'

export interface LayoutAdapter extends Required<Pick<Adapter, 'ping' | 'repositories' | 'listTags' | 'close'>> {
  repository(name: string): LayoutStore
}

/** The layout at `registry.path`; it need not exist before something is written.
 *
 *  A directory without an `oci-layout` of its own may hold layouts below it, one a repository, named by their paths.
 *  Entries of an index.json that name no repository belong to one named after the directory or the file. */
export function ociLayout(registry: Registry): LayoutAdapter {
  if (registry.path === undefined) {
    throw new ConfigurationError(`registry ${registry.name} has no path`, {
      hint: 'add path: with a directory or a .tar file',
    })
  }
  const path: string = registry.path
  const opened = new Map<string, Opened>()
  let shape: Promise<Shape> | undefined

  return {
    async ping() {
      const { tree, files } = await shapeNow()
      if (tree) return
      await files.readIndex()
      if (files instanceof DirectoryLayout) await checkFree(path)
    },

    repository: (name) => layoutRepository(() => openedFor(name), name),

    async *repositories() {
      const { tree, files } = await shapeNow()
      if (tree) yield* layoutsBelow(path, '')
      else yield* repositoriesIn(await existingIndex(files), files.naming)
    },

    async *listTags(name) {
      const { files } = await openedFor(name)
      const repository = name || files.naming.plain
      const { entries, tags } = await listed(files, repository)
      for (const tag of tags.keys()) {
        const entry = findTag(await existingIndex(files), files.naming, repository, tag)
        if (entry) yield { tag, ...infoOf(descriptorOfEntry(entry)) }
      }
      const tagged = new Set(entries.filter((entry) => entry.tag !== undefined).map((entry) => entry.digest))
      for (const entry of entries) if (!tagged.has(entry.digest)) yield infoOf(descriptorOfEntry(entry))
    },

    async close() {
      for (const { files } of opened.values()) if (files instanceof TarLayout) await files.close()
    },
  }

  async function openedFor(name: string): Promise<Opened> {
    const { tree, files } = await shapeNow()
    if (!tree) return remember(files)
    if (!isRepositoryName(name) || name.split('/').includes('blobs')) {
      throw new UnsupportedError(`${name || 'the root'} cannot be a layout of its own below ${path}`)
    }
    const directory = join(path, name)
    await isInside(path, directory)
    return opened.get(directory) ?? remember(new DirectoryLayout(directory, { plain: name, only: true }))
  }

  function remember(files: LayoutFiles): Opened {
    const known = opened.get(files.path) ?? { files, subjects: new Subjects() }
    opened.set(files.path, known)
    return known
  }

  function shapeNow(): Promise<Shape> {
    shape ??= shapeOf(path).catch((error: unknown) => {
      shape = undefined
      throw error
    })
    return shape
  }
}

interface Shape {
  /** The one layout, unless `tree` says that there is one below for each repository. */
  readonly files: LayoutFiles
  readonly tree: boolean
}

const ARCHIVE = /\.(tar|tgz|tar\.gz|tar\.zst)$/

async function shapeOf(path: string): Promise<Shape> {
  const stats = await stat(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', path)
  })
  const naming: Naming = { plain: legalName(basename(path).replace(ARCHIVE, '')), only: false }
  if (stats?.isFile() || (!stats && ARCHIVE.test(path))) return { files: new TarLayout(path, naming), tree: false }
  const files = new DirectoryLayout(path, naming)
  if (!stats || (await isLayout(path))) return { files, tree: false }
  for await (const _ of layoutsBelow(path, '')) return { files, tree: true }
  return { files, tree: false }
}

/** Names of the layouts below `root`. Links are not followed. */
async function* layoutsBelow(root: string, name: string): AsyncIterable<string> {
  if (name && (await isLayout(join(root, name)))) yield name
  const children = await readdir(join(root, name), { withFileTypes: true })
  for (const child of children.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const below = name ? `${name}/${child.name}` : child.name
    if (child.isDirectory() && child.name !== 'blobs' && isRepositoryName(below)) yield* layoutsBelow(root, below)
  }
}

function infoOf({ digest, mediaType, size }: Descriptor): TagInfo {
  return { digest, mediaType, size }
}

/** A directory's name as a repository's. */
function legalName(name: string): string {
  const lower = name.toLowerCase()
  if (isRepositoryName(lower)) return lower
  return lower.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'layout'
}
