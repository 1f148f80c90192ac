/** OCI layouts in directories stay whole whatever happens to their writers. */

import { execFile, spawnSync } from 'node:child_process'
import { linkSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { temporaryName } from '../../../src/oci/layout/temporary.ts'
import { image, named, syntheticBlob } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { never, strayFiles } from './inside.ts'
import { chunksOf, collect, context, finish, layoutFiles, openLayout, push, read, unpack } from './support.ts'

describe('a directory that is written while things go wrong', () => {
  it('refuses wrong content and keeps nothing of it', async () => {
    const path = temporaryDirectory()
    const store = openLayout(path).repository('a')
    const bytes = Buffer.from('what was promised')
    const other = Buffer.from('what was received')
    const blob = named(bytes)
    for (const [sent, message] of [
      [[other], /expected sha256:.* are sha256:/],
      [[bytes.subarray(0, 5)], /ended at 5 of the 17 bytes/],
      [[bytes, other], /longer than the 17 bytes/],
    ] as const) {
      const write = store.writeBlob(blob, async () => chunksOf(...sent), context)
      await expect(write).rejects.toThrow(message)
      await expect(write).rejects.toMatchObject({ code: 'integrity' })
      expect(await store.hasBlob(blob, context)).toBe(false)
    }
    const wrong = { ...image(), digest: image({ seed: 2 }).digest }
    await expect(store.writeManifest(wrong, '1', context)).rejects.toMatchObject({ code: 'integrity' })
    await expect(store.writeManifest(image(), wrong.digest, context)).rejects.toMatchObject({ code: 'integrity' })
    expect(strayFiles(path)).toEqual([])
  })

  it('keeps nothing of a blob whose source fails or that is stopped', async () => {
    const path = temporaryDirectory()
    const store = openLayout(path).repository('a')
    const blob = syntheticBlob(300_000)
    const stop = new AbortController()
    const descriptor = { mediaType: '', digest: blob.digest, size: blob.size }
    const failing = async function* (then: () => void) {
      yield* chunksOf(Buffer.alloc(1000))
      then()
      yield* chunksOf(Buffer.alloc(1000))
    }
    const reset = (): never => {
      throw new Error('reset')
    }
    await expect(store.writeBlob(descriptor, async () => failing(reset), context)).rejects.toThrow('reset')
    await expect(
      store.writeBlob(descriptor, async () => failing(() => stop.abort()), { ...context, signal: stop.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' })
    expect(strayFiles(path)).toEqual([])
    await store.writeBlob(descriptor, async (offset) => blob.open(offset), context)
    expect(await store.hasBlob(descriptor, context)).toBe(true)
  })

  it('shows no blob after its process was killed in the middle of one', async () => {
    const path = temporaryDirectory()
    const blob = named(Buffer.alloc(2_000_000))
    const program = `
      import { openLayout } from ${JSON.stringify(join(import.meta.dirname, 'support.ts'))}
      async function* half() { yield Buffer.alloc(1_000_000); process.kill(process.pid, 'SIGKILL'); yield Buffer.alloc(1_000_000) }
      const context = { signal: new AbortController().signal, emit() {} }
      await openLayout(${JSON.stringify(path)}).repository('a').writeBlob(${JSON.stringify(blob)}, async () => half(), context)`
    const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(signal, stderr).toBe('SIGKILL')
    expect(readdirSync(join(path, 'blobs', 'sha256'))).toEqual([])
    await push(openLayout(path).repository('a'), image(), '1')
    expect(await collect(openLayout(path).repository('a').tags(context))).toEqual(['1'])
  })

  it('loses no tag of writers that work at once', async () => {
    const path = temporaryDirectory()
    const writers = [openLayout(path), openLayout(path)]
    const artifact = image()
    await Promise.all(
      Array.from({ length: 200 }, (_, at) => push(writers[at % 2]?.repository('a') ?? never(), artifact, `t${at}`)),
    )
    expect(await collect(openLayout(path).repository('a').tags(context))).toHaveLength(200)
    expect(strayFiles(path)).toEqual([])
  })

  it('loses no tag of processes that work at once', async () => {
    const path = temporaryDirectory()
    const program = (name: string): string => `
      import { openLayout, push, context } from ${JSON.stringify(join(import.meta.dirname, 'support.ts'))}
      import { image } from ${JSON.stringify(join(import.meta.dirname, '..', '..', 'support', 'images.ts'))}
      const store = openLayout(${JSON.stringify(path)}).repository('a')
      for (let at = 0; at < 20; at += 1) await push(store, image({ seed: at }), '${name}' + at)`
    const run = promisify(execFile)
    await Promise.all(
      ['x', 'y', 'z'].map((name) => run(process.execPath, ['--input-type=module', '-e', program(name)])),
    )
    expect(await collect(openLayout(path).repository('a').tags(context))).toHaveLength(60)
    expect(strayFiles(path)).toEqual([])
  })

  it('resumes a large blob where it stopped, after it has checked what is there', async () => {
    const path = temporaryDirectory()
    const bytes = randomBytes(3_000_000, 'resumed')
    const blob = named(bytes)
    const partial = (): string[] => readdirSync(path).filter((name) => name.endsWith('.partial'))
    const opened: number[] = []
    async function* until(offset: number, end: number): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(offset, end)
      if (end < bytes.length) throw new Error('reset')
    }
    const write = (end: number): Promise<void> =>
      openLayout(path)
        .repository('a')
        .writeBlob(
          blob,
          async (offset) => {
            opened.push(offset)
            return until(offset, end)
          },
          context,
        )
    await expect(write(1_200_000)).rejects.toThrow('reset')
    await expect(write(2_000_000)).rejects.toThrow('reset')
    await write(bytes.length)
    expect(opened).toEqual([0, 1_200_000, 2_000_000])
    expect(await read(openLayout(path).repository('a'), blob)).toEqual(bytes)
    expect(strayFiles(path)).toEqual([])

    // What is there may be damaged: then all of it is sent again.
    rmSync(join(path, 'blobs', blob.digest.replace(':', '/')))
    opened.length = 0
    await expect(write(1_200_000)).rejects.toThrow('reset')
    const [name = ''] = partial()
    writeFileSync(join(path, name), Buffer.alloc(1_200_000))
    await write(bytes.length)
    expect(opened).toEqual([0, 1_200_000, 0])
    expect(await read(openLayout(path).repository('a'), blob)).toEqual(bytes)
  })

  it('never resumes through a link', async () => {
    const path = temporaryDirectory()
    const outside = join(temporaryDirectory(), 'thesis')
    const bytes = Buffer.alloc(2_000_000, 7)
    const blob = named(bytes)
    const hex = blob.digest.slice('sha256:'.length)
    for (const link of [symlinkSync, linkSync]) {
      writeFileSync(outside, 'years of work')
      link(outside, join(path, `.replicate-sha256-${hex}.partial`))
      await openLayout(path)
        .repository('a')
        .writeBlob(blob, async (offset) => chunksOf(bytes.subarray(offset)), context)
      expect(readFileSync(outside, 'utf8')).toBe('years of work')
      rmSync(join(path, 'blobs', blob.digest.replace(':', '/')))
    }
  })

  it('removes what killed runs have left once everything is written', async () => {
    const path = temporaryDirectory()
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    await push(openLayout(path).repository('a'), image(), '1')
    writeFileSync(join(path, `.replicate-sha256-${'0'.repeat(64)}.partial`), 'of another run')
    writeFileSync(join(path, temporaryName().replace(`-${process.pid}-`, `-${gone}-`)), 'of a killed process')
    const mine = temporaryName()
    writeFileSync(join(path, mine), 'of this process')
    const layout = openLayout(path)
    await push(layout.repository('a'), image(), '1')
    await finish(layout)
    expect(strayFiles(path)).toEqual([mine])
  })

  it('makes nothing in a directory that its own is a link to', async () => {
    const [path, outside] = [temporaryDirectory(), temporaryDirectory()]
    unpack(path, layoutFiles([]))
    rmSync(join(path, 'blobs'), { recursive: true, force: true })
    symlinkSync(outside, join(path, 'blobs'))
    await expect(push(openLayout(path).repository('a'), image(), '1')).rejects.toMatchObject({ code: 'integrity' })
    expect(readdirSync(outside)).toEqual([])
  })
})
