/** OCI layouts as a registry: a directory or a tar that holds repositories. */

import { statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Adapter, TagInfo, WriteRules } from '../../core/adapter.ts'
import { ConfigurationError, ReplicateError, UnsupportedError } from '../../core/errors.ts'
import { isRepositoryName } from '../../core/reference.ts'
import type { Registry } from '../../core/registry.ts'
import { checkFree, DirectoryLayout, isInside, isLayout } from './directory.ts'
import { fileError, isAbsent } from './file.ts'
import type { LayoutFiles } from './files.ts'
import { descriptorOfEntry, type Entry, type Naming } from './index.ts'
import { Subjects } from './referrers.ts'
import { existingIndex, type LayoutStore, layoutRepository, listed, NAMELESS, nameless, type Opened } from './store.ts'
import { TarLayout } from './tar/tar.ts'

export interface LayoutAdapter
  extends Required<
    Pick<Adapter, 'commitsLate' | 'ping' | 'blobHome' | 'repositories' | 'listTags' | 'writeRules' | 'commit' | 'close'>
  > {
  repository(name: string): LayoutStore
}

/** The layout at `registry.path`; it need not exist before something is written.
 *
 *  A directory without an `oci-layout` of its own may hold layouts below it, one a repository, named by their paths; repositories of one
 *  that holds several are named below its path.
 *  Entries of an index.json that name no repository belong to one named after the directory or the file. */
export function ociLayout(registry: Registry): LayoutAdapter {
  if (registry.path === undefined) {
    throw new ConfigurationError(`registry ${registry.name} has no path`, {
      hint: 'add path: with a directory or a .tar file',
    })
  }
  const path: string = registry.path
  const opened = new Map<string, Opened>()
  /** Asked once for each repository, since the plan asks for every tag. */
  const rules = new Map<string, Promise<WriteRules>>()
  const several = new Map<string, Promise<readonly string[]>>()
  let shape: Promise<Shape> | undefined

  return {
    get commitsLate() {
      return isArchive(path)
    },

    async ping() {
      const { tree, files } = await shapeNow()
      if (tree) return
      await files.readIndex()
      if (files instanceof DirectoryLayout) await checkFree(path)
    },

    repository: (name) => layoutRepository(() => openedFor(name), name),

    blobHome: async (name) => (await openedFor(name)).files.path,

    async *repositories() {
      const { tree, files } = await shapeNow()
      if (tree) for await (const below of layoutsBelow(path, '')) yield* await namesIn(path, below)
      else yield* (await existingIndex(files)).repositories()
    },

    async *listTags(name, ctx) {
      const one = await openedFor(name)
      const { index, repository } = await listed(one, name)
      const only = await nameless(one, index, repository, ctx)
      if (only) yield { tag: NAMELESS, ...infoOf(only) }
      for (const tag of index.tags(repository)) {
        const [entry, ...more] = index.tagged(repository, tag)
        // One that names two manifests has no digest: what resolves it says why.
        if (entry) yield more.every(({ digest }) => digest === entry.digest) ? { tag, ...infoOf(entry) } : tag
      }
      const entries = index.entries(repository)
      const tagged = new Set(
        entries.filter((entry) => entry.tag !== undefined || entry === only).map(({ digest }) => digest),
      )
      for (const entry of entries) if (!tagged.has(entry.digest)) yield infoOf(entry)
    },

    async writeRules(name) {
      const known = rules.get(name) ?? rulesOf(name)
      rules.set(name, known)
      return known
    },

    async commit(whole, ctx) {
      for (const { files } of opened.values()) await files.commit(whole, ctx)
    },

    async close() {
      for (const { files } of opened.values()) await files.close()
    },
  }

  async function rulesOf(name: string): Promise<WriteRules> {
    if (registry.name.startsWith('docker-archive:')) {
      const hint = 'write to tar:FILE or oci:DIR instead'
      return { refused: { reason: 'an archive of Docker can be read, not written', hint } }
    }
    try {
      const { files } = await openedFor(name)
      return { quota: { name: `the file system of ${path}`, bytesLeft: await files.room() } }
    } catch (error) {
      if (!(error instanceof ReplicateError)) throw error
      return { refused: { reason: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) } }
    }
  }

  async function openedFor(name: string): Promise<Opened> {
    const { tree, files, plain } = await shapeNow()
    if (!tree) return remember(files, plain)
    if (!isRepositoryName(name) || name.split('/').includes('blobs')) {
      throw new UnsupportedError(`${name || 'the root'} cannot be a layout of its own below ${path}`)
    }
    const parts = name.split('/')
    for (let end = 1; end <= parts.length; end += 1) {
      const below = parts.slice(0, end).join('/')
      if ((await repositoriesOf(below)).length > 1) return layoutAt(below, { plain: below, only: false, below })
    }
    return layoutAt(name, { plain: name, only: true })
  }

  async function layoutAt(name: string, naming: Naming): Promise<Opened> {
    const directory = join(path, name)
    await isInside(path, directory)
    return opened.get(directory) ?? remember(new DirectoryLayout(directory, naming), naming.plain)
  }

  /** The repositories of the layout at `below`; `below` itself if its entries name at most one; empty if there is no layout. */
  function repositoriesOf(below: string): Promise<readonly string[]> {
    const known = several.get(below) ?? namesIn(path, below)
    several.set(below, known)
    known.catch(() => several.delete(below))
    return known
  }

  function remember(files: LayoutFiles, plain: string): Opened {
    const known = opened.get(files.path) ?? { files, subjects: new Subjects(), plain, warned: new Set() }
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
  /** The repository of entries that do not name one. */
  readonly plain: string
}

const ARCHIVE = /\.(tar|tgz|tar\.gz|tar\.zst)$/

/** True for a tar, and for a path where one would be made. */
function isArchive(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats ? stats.isFile() : ARCHIVE.test(path)
}

async function shapeOf(path: string): Promise<Shape> {
  const stats = await stat(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', path)
  })
  const plain = legalName(basename(path).replace(ARCHIVE, ''))
  const naming: Naming = { plain, only: false }
  if (stats?.isFile() || (!stats && ARCHIVE.test(path)))
    return { files: new TarLayout(path, naming), tree: false, plain }
  const files = new DirectoryLayout(path, naming)
  if (!stats || (await isLayout(path))) return { files, tree: false, plain }
  for await (const _ of layoutsBelow(path, '')) return { files, tree: true, plain }
  return { files, tree: false, plain }
}

async function namesIn(root: string, below: string): Promise<readonly string[]> {
  const directory = join(root, below)
  if (!(await isInside(root, directory)) || !(await isLayout(directory))) return []
  const files = new DirectoryLayout(directory, { plain: below, only: false, below })
  // A layout that cannot be read fails when it is copied; the others are still listed.
  const index = await files.readIndex().catch((error: unknown) => {
    if (error instanceof ReplicateError) return undefined
    throw error
  })
  const names = index?.repositories() ?? []
  return names.length > 1 ? names : [below]
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

function infoOf(entry: Entry): TagInfo {
  const { digest, mediaType } = descriptorOfEntry(entry)
  const { ref, absent } = entry
  return { digest, mediaType, ...(ref === undefined ? {} : { ref }), ...(absent.length === 0 ? {} : { absent }) }
}

/** A directory's name as a repository's. */
function legalName(name: string): string {
  const lower = name.toLowerCase()
  if (isRepositoryName(lower)) return lower
  return lower.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'layout'
}
