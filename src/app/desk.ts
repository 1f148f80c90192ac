/** Lends the daemon what its API changes registries and policies with. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { editedText } from '../config/edit/edit.ts'
import { type Edited, editConfiguration, fileEtag } from '../config/edit/file.ts'
import type { LoadOptions } from '../config/load.ts'
import { isMapping, type Mapping } from '../config/mapping.ts'
import { loadOffline } from '../config/offline.ts'
import type { PathOptions } from '../config/paths.ts'
import { readFiles } from '../config/read.ts'
import { type ConfigurationFile, jsonOf, parseSource } from '../config/source.ts'
import type { PingStep } from '../core/adapter.ts'
import type { Actor } from '../core/audit.ts'
import type { Context } from '../core/context.ts'
import type { Registry } from '../core/registry.ts'
import { type Keychain, KeychainError } from '../credentials/keychain.ts'
import type { WrittenCredential } from '../credentials/kinds.ts'
import type { Handshake } from '../http/trust/handshake.ts'
import type { Desk, EditRequest, Plain } from '../serve/api/desk.ts'
import { createReading } from './reading.ts'
import { authorityPath, keepAuthority } from './trust/authority.ts'

export interface DeskParts extends PathOptions, Omit<LoadOptions, 'env' | 'cwd'> {
  /** As the user wrote them. */
  readonly files: readonly string[]
  /** Their paths, and that of the user's configuration as the last. */
  readonly paths: readonly string[]
  readonly app: {
    tryOut(registry: Registry, credential: WrittenCredential | undefined, ctx: Context): Promise<readonly PingStep[]>
    peer(url: string, ctx: Context): Promise<Handshake>
  }
  readonly keychain: Keychain
  /** Keeps who did it. */
  readonly edited: (edited: Edited, by: Actor) => Promise<void>
}

export function createDesk(parts: DeskParts): Desk {
  const { files, paths, app, keychain } = parts
  const options = { ...parts, stdin: async () => '' }
  let last: Promise<unknown> = Promise.resolve()
  /** Files as they are read together. */
  const reading = createReading({
    read: () => readFiles({ ...options, files }),
    load: (all) => loadOffline(all, options),
    contentOf: (file) => contentOf(file, parts.cwd),
  })

  async function edit(edits: Parameters<Desk['edit']>[0], { file, ifMatch, by, ...how }: EditRequest): Promise<Edited> {
    const { files: beside } = await reading()
    const match = ifMatch === undefined ? {} : { ifMatch }
    const edited = await editConfiguration(edits, { ...options, ...how, file, beside, ...match })
    if (!how.dry) {
      reading.now(edited.configuration)
      await parts.edited(edited, by)
    }
    return edited
  }

  return {
    home: files.length > 0 ? (paths[files.length - 1] ?? '') : (paths.at(-1) ?? ''),
    read: async () => (await reading()).configuration(),
    etag: fileEtag,
    async written(kind, name, file) {
      const section = (await reading()).content(file)?.[kind]
      const value = isMapping(section) && Object.hasOwn(section, name) ? section[name] : undefined
      // Our own reading of a file: text, switches, numbers, lists and mappings.
      return value as Plain | undefined
    },
    yaml: (kind, name, value) => editedText({ path: '-', text: '' }, [{ set: [kind, name], to: value }], parts.cwd),
    edit(edits, request) {
      // In turn: each sees what the one before has written.
      const turn = last.then(() => edit(edits, request))
      last = turn.catch(() => {})
      return turn
    },
    async ping(registry, { credential, ca }, ctx) {
      if (ca === undefined) return app.tryOut(registry, credential, ctx)
      const directory = await mkdtemp(join(tmpdir(), 'replicate-ca-'))
      try {
        const file = join(directory, 'ca.pem')
        await writeFile(file, ca, { mode: 0o600 })
        return await app.tryOut({ ...registry, ca: file }, credential, ctx)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
    async certificate(url, ctx) {
      if (!url.startsWith('https:')) return undefined
      const { chain, distrust } = await app.peer(url, ctx)
      const [own] = chain
      const top = chain.at(-1)
      if (!own) return undefined
      const { subject, issuer, notBefore, notAfter, names, sha256 } = own
      const mayBeTrusted = distrust !== undefined && top?.selfSigned
      return {
        distrust: distrust ?? null,
        subject,
        issuer,
        not_before: notBefore.toISOString(),
        not_after: notAfter.toISOString(),
        names,
        sha256,
        authority: mayBeTrusted ? { subject: top.subject, sha256: top.sha256, pem: top.pem } : null,
      }
    },
    async keep(registry, entered) {
      try {
        const before = (await keychain.entries()).get(registry.name)
        await keychain.store(registry, entered satisfies WrittenCredential)
        return async () => {
          const address = before?.address === undefined ? {} : { url: before.address }
          if (before) await keychain.store({ name: registry.name, ...address }, before)
          else await keychain.remove(registry.name)
        }
      } catch (error) {
        if (error instanceof KeychainError && error.absent) return undefined
        throw error
      }
    },
    async forget(registry) {
      try {
        return await keychain.remove(registry)
      } catch (error) {
        if (!(error instanceof KeychainError && error.absent)) throw error
        return false
      }
    },
    async authorityPath(file, registry, pem) {
      return `./${basename(await authorityPath(dirname(file), registry, pem))}`
    },
    async keepAuthority(file, registry, pem) {
      const { path, undo } = await keepAuthority(dirname(file), registry, pem)
      return { path: `./${basename(path)}`, undo }
    },
  }
}

function contentOf(file: ConfigurationFile, cwd: string): Mapping | undefined {
  const content = jsonOf(parseSource(file, cwd).source)
  return isMapping(content) ? content : undefined
}
