/** Reads an index as it arrives, whatever its form. */

import type { Bytes } from '../../core/content.ts'
import { IntegrityError } from '../../core/errors.ts'
import { type ChartIndex, IndexBuilder } from './index.ts'
import { JsonIndex } from './json.ts'
import { Irregular, wholeYaml, YamlIndex } from './yaml.ts'

/** In bytes. */
const LARGEST = 512 * 1024 * 1024
/** Up to this many characters an index of any shape is read. */
const ANY_SHAPE = 8 * 1024 * 1024
const LONGEST_LINE = 8 * 1024 * 1024

/** Throws an `IntegrityError` for what is not an index. */
export async function readIndex(bytes: Bytes): Promise<ChartIndex> {
  const decoder = new TextDecoder()
  let size = 0
  let reader: Reader | undefined
  let kept: string[] | undefined = []
  let keptSize = 0
  let irregular: unknown
  const take = (text: string): void => {
    keptSize += text.length
    if (keptSize > ANY_SHAPE) kept = undefined
    kept?.push(text)
    if (reader || text.trim() !== '') reader ??= readerOf(text)
    if (irregular !== undefined && !kept) throw irregular
    if (irregular !== undefined) return
    try {
      reader?.text(text)
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      irregular = error
    }
  }
  for await (const chunk of bytes) {
    size += chunk.byteLength
    if (size > LARGEST) throw new IntegrityError(`the index is larger than ${LARGEST} bytes`)
    take(decoder.decode(chunk, { stream: true }))
  }
  take(decoder.decode())
  if (!reader) throw new IntegrityError('the index is empty')
  try {
    if (irregular !== undefined) throw irregular
    reader.end()
    return checked(reader.builder)
  } catch (error) {
    if (!(error instanceof Irregular || (error instanceof IntegrityError && reader.isJson)) || !kept) throw error
    const builder = new IndexBuilder()
    wholeYaml(kept.join(''), builder)
    return checked(builder)
  }
}

function checked(builder: IndexBuilder): ChartIndex {
  if (!builder.hasVersion) throw new IntegrityError('it has no apiVersion, which every index of charts has')
  return builder.built()
}

interface Reader {
  readonly builder: IndexBuilder
  readonly isJson: boolean
  text(text: string): void
  end(): void
}

function readerOf(text: string): Reader {
  const builder = new IndexBuilder()
  const first = text.replace(/^\uFEFF/, '').trimStart()
  if (first.startsWith('<')) throw new IntegrityError('it is a web page, not an index of charts')
  if (first.startsWith('{')) {
    const json = new JsonIndex(builder)
    return { builder, isJson: true, text: (part) => json.text(part), end: () => json.end() }
  }
  const yaml = new YamlIndex(builder)
  let rest = ''
  return {
    builder,
    isJson: false,
    text(part) {
      const whole = rest + part
      let start = 0
      for (let end = whole.indexOf('\n'); end >= 0; end = whole.indexOf('\n', start)) {
        yaml.line(whole.slice(start, end))
        start = end + 1
      }
      rest = whole.slice(start)
      if (rest.length > LONGEST_LINE) throw new IntegrityError('the index has a line that is too long')
    },
    end() {
      if (rest !== '') yaml.line(rest)
      yaml.end()
    },
  }
}
