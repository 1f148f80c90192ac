/** The members of a tar by name, with where they stand: found by reading the headers alone. */

import { createHash } from 'node:crypto'
import { isAlgorithm, parseDigest } from '../../../core/descriptor.ts'
import { IntegrityError } from '../../../core/errors.ts'
import { type Readable, readExactly } from '../file.ts'

/** Where a member's content stands in the file, in bytes. */
export interface Member {
  readonly offset: number
  readonly size: number
}

/** What does not belong to a layout, but may to images that Docker saved. */
export interface Others {
  readonly files: ReadonlyMap<string, Member>
  /** Names that several files have. */
  readonly twice: ReadonlySet<string>
  readonly links: ReadonlyMap<string, Link>
}

export interface Link {
  readonly target: string
  /** Relative to where it stands; else to the top of the archive. */
  readonly symbolic: boolean
}

export interface Scan {
  /** By name, in the tar's order. */
  readonly members: ReadonlyMap<string, Member>
  readonly others: Others
  /** Where the tar ends too early; undefined for a whole one. */
  readonly cutOff: string | undefined
}

interface Header {
  readonly name: string
  readonly target: string
  readonly type: string
  readonly size: number
}

const BLOCK = 512
/** A longer name or PAX header is refused, in bytes. */
const MAX_EXTENSION = 64 * 1024
/** A layout with more files than this is refused: its index.json could not name them. */
const MAX_MEMBERS = 1_000_000
/** Of other files and links the first are remembered: images have fewer. */
const MAX_OTHERS = 100_000

/** The members that belong to a layout: `oci-layout`, `index.json`, `manifest.json`, `blobs/…`; and the others. `total` is
 *  the file's length. Throws an `IntegrityError` for what is not a tar, leads out of itself, or has a name twice with different content. */
export async function scanTar(file: Readable, total: number, path: string): Promise<Scan> {
  const members = new Map<string, Member>()
  const others = { files: new Map<string, Member>(), twice: new Set<string>(), links: new Map<string, Link>() }
  let longName: string | undefined
  let longTarget: string | undefined
  let pax: ReadonlyMap<string, string> = new Map()
  for (let position = 0; position < total; ) {
    if (position + BLOCK > total) return { members, others, cutOff: `${path} is cut off at byte ${position}` }
    const block = await readExactly(file, position, BLOCK, path)
    position += BLOCK
    if (block.every((byte) => byte === 0)) break
    const header = headerFrom(block, path)
    const paxSize = pax.get('size')
    const size = paxSize !== undefined && header.type !== 'x' ? Number(paxSize) : header.size
    const next = position + Math.ceil(size / BLOCK) * BLOCK
    if (!Number.isSafeInteger(size) || size < 0)
      throw new IntegrityError(`${path} is malformed: a member of ${size} bytes`)
    // Not every tar has an end mark, but its last member is whole.
    if (next > total) return { members, others, cutOff: `${path} is cut off: ${header.name} would end beyond the file` }
    if ('xLKg'.includes(header.type)) {
      if (size > MAX_EXTENSION) throw new IntegrityError(`${path} is malformed: a header of ${size} bytes`)
      const content = await readExactly(file, position, size, path)
      if (header.type === 'x') pax = paxRecords(content)
      if (header.type === 'L') longName = textOf(content)
      if (header.type === 'K') longTarget = textOf(content)
    } else {
      const name = memberName(pax.get('path') ?? longName ?? header.name, path)
      // Nothing in a layout needs links and devices.
      if ('0\0'.includes(header.type) && belongs(name)) {
        await add(members, name, { offset: position, size }, file, path)
      } else {
        const target = pax.get('linkpath') ?? longTarget ?? header.target
        remember(others, header.type, name, { offset: position, size }, target)
      }
      longName = undefined
      longTarget = undefined
      pax = new Map()
    }
    position = next
  }
  return { members, others, cutOff: undefined }
}

function remember(
  { files, twice, links }: { files: Map<string, Member>; twice: Set<string>; links: Map<string, Link> },
  type: string,
  name: string,
  member: Member,
  target: string,
): void {
  if (files.size + links.size >= MAX_OTHERS) return
  const isLink = '12'.includes(type)
  if (!isLink && !'0\0'.includes(type)) return
  if (files.has(name) || links.has(name)) twice.add(name)
  else if (isLink) links.set(name, { target, symbolic: type === '2' })
  else files.set(name, member)
}

async function add(
  members: Map<string, Member>,
  name: string,
  member: Member,
  file: Readable,
  path: string,
): Promise<void> {
  const other = members.get(name)
  if (!other && members.size >= MAX_MEMBERS) {
    throw new IntegrityError(`${path} has more than ${MAX_MEMBERS} files`)
  }
  if (!other) members.set(name, member)
  else if (other.size !== member.size || (await hashOf(file, other, path)) !== (await hashOf(file, member, path))) {
    throw new IntegrityError(`${path} has ${name} twice, with different content`)
  }
}

async function hashOf(file: Readable, { offset, size }: Member, path: string): Promise<string> {
  const hash = createHash('sha256')
  for (let done = 0; done < size; done += 1 << 20) {
    hash.update(await readExactly(file, offset + done, Math.min(1 << 20, size - done), path))
  }
  return hash.digest('hex')
}

function belongs(name: string): boolean {
  if (['oci-layout', 'index.json', 'manifest.json'].includes(name)) return true
  const [folder, algorithm = '', hex = '', ...more] = name.split('/')
  return (
    folder === 'blobs' &&
    more.length === 0 &&
    isAlgorithm(algorithm) &&
    parseDigest(`${algorithm}:${hex}`) !== undefined
  )
}

/** Without a leading `../../`. A name that leads out of the archive is refused, though nothing is ever unpacked by name. */
function memberName(name: string, path: string): string {
  const plain = name.replace(/^(\.\/+)+/, '')
  if (/^\/|^[a-zA-Z]:|\\|\0/.test(plain) || plain.split('/').includes('..')) {
    throw new IntegrityError(`${path} has a member that leads out of it: ${JSON.stringify(name.slice(0, 100))}`)
  }
  return plain
}

function headerFrom(block: Buffer, path: string): Header {
  let sum = 8 * 0x20
  for (let index = 0; index < BLOCK; index += 1) if (index < 148 || index >= 156) sum += block[index] ?? 0
  if (octal(block.subarray(148, 156)) !== sum) {
    throw new IntegrityError(`${path} is not a tar, or damaged: wrong checksum`)
  }
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textOf(block.subarray(345, 500)) : ''
  const name = textOf(block.subarray(0, 100))
  return {
    name: prefix ? `${prefix}/${name}` : name,
    target: textOf(block.subarray(157, 257)),
    type: String.fromCharCode(block[156] ?? 0),
    size: sizeFrom(block.subarray(124, 136)),
  }
}

/** Octal digits, or, from 8 GiB on, GNU's base 256. */
function sizeFrom(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) return octal(field)
  return field.subarray(1).reduce((size, byte) => size * 256 + byte, 0)
}

function octal(field: Buffer): number {
  return Number.parseInt(textOf(field).trim() || '0', 8)
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? field.length : end)
}

/** `LENGTH KEY=VALUE\n`, the length counting all of it. */
function paxRecords(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>()
  for (let position = 0; position < content.length; ) {
    const space = content.indexOf(0x20, position)
    const length = space < 0 ? 0 : Number(content.toString('latin1', position, space))
    if (!Number.isSafeInteger(length) || length <= space - position) break
    const [key = '', ...value] = content.toString('utf8', space + 1, position + length - 1).split('=')
    records.set(key, value.join('='))
    position += length
  }
  return records
}
