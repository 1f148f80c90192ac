/** A run on a terminal: one overall bar, one for each blob in flight, and what happened above them. */

import { Writable } from 'node:stream'
import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import { formatBytes } from '../../core/size.ts'
import type { Output, Session } from '../session.ts'
import type { Colors } from './colors.ts'
import { printable, truncate } from './format.ts'
import { eventText, progressText, writeEnd } from './lines.ts'
import { createMeter, type Meter } from './meter.ts'
import { headingLine } from './summary.ts'
import type { View } from './view.ts'

/** More blobs than this are only counted in the overall bar. */
const MOST_BARS = 8
const FRAMES_PER_SECOND = 8
const BAR_WIDTH = 24
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'

export function progressView(session: Session): View {
  const { stderr, errorColors: colors, timer } = session
  let meter: Meter = createMeter(timer.now)
  let execution = 0
  let hinted = new Set<string>()
  let bars: Bars | undefined

  const say = (text: string): void => {
    if (bars) bars.print(text)
    else stderr.write(text)
  }
  const stop = (): void => {
    bars?.stop()
    bars = undefined
  }
  // What is said of the end is written below the bars, by who knows nothing of them: it would stand among them.
  session.signal.addEventListener('abort', stop, { once: true })
  return {
    begin(heading, { id }) {
      stop()
      execution = id
      hinted = new Set()
      meter = createMeter(timer.now)
      stderr.write(headingLine(heading, colors))
    },
    event(event, time) {
      meter.add(event)
      const text = eventText(event, { execution, session, plain: false, hinted, time })
      if (text !== undefined) say(text)
      if (event.type !== 'stage' || event.stage !== 'transfer') return
      if (event.state === 'started') bars ??= openBars(stderr, colors, meter)
      else stop()
    },
    progress: (progress) => meter.set(progress),
    end(outcome) {
      stop()
      writeEnd(outcome, session)
    },
    close: stop,
  }
}

interface Bars {
  print(text: string): void
  stop(): void
}

/**
 * Draws from the meter's readings, not from events, so a thousand tasks cost what one costs. A blob keeps its line while it
 * is in flight and an idle line is taken by the next one, so lines neither jump nor come and go.
 */
function openBars(output: Output, colors: Colors, meter: Meter): Bars {
  const frame = frameStream(output)
  const multi = new MultiBar(
    {
      stream: frame.stream,
      fps: FRAMES_PER_SECOND,
      forceRedraw: true,
      linewrap: false,
      hideCursor: null,
      gracefulExit: false,
      clearOnComplete: true,
      format: (_options, _params, payload: { readonly text?: string }) => payload.text ?? '',
    },
    Presets.shades_classic,
  )
  const overall = multi.create(1, 0, { text: '' })
  const slots: { readonly bar: SingleBar; id: string | undefined }[] = []

  const refresh = (): void => {
    const reading = meter.read()
    const width = Math.max(20, output.columns - 1)
    const share = reading.bytes > 0 ? reading.processed / reading.bytes : reading.done / Math.max(1, reading.tasks)
    overall.update({ text: barLine(share, progressText(reading), width, colors) })
    for (const slot of slots) if (slot.id !== undefined && !reading.blobs.has(slot.id)) slot.id = undefined
    const shown = new Set(slots.map((slot) => slot.id))
    for (const id of reading.blobs.keys()) {
      if (shown.has(id)) continue
      let idle = slots.find((slot) => slot.id === undefined)
      if (!idle && slots.length < MOST_BARS) {
        idle = { bar: multi.create(1, 0, { text: '' }), id: undefined }
        slots.push(idle)
      }
      if (!idle) break
      idle.id = id
    }
    for (const slot of slots) {
      const blob = slot.id === undefined ? undefined : reading.blobs.get(slot.id)
      const text = blob
        ? barLine(
            blob.size > 0 ? blob.bytes / blob.size : 1,
            `${formatBytes(blob.bytes).padStart(10)} of ${formatBytes(blob.size).padStart(10)}  ${printable(blob.name)}`,
            width,
            colors,
          )
        : ''
      slot.bar.update({ text })
    }
  }

  const showCursor = (): void => draw(output, SHOW_CURSOR)
  process.once('exit', showCursor)
  draw(output, HIDE_CURSOR)
  multi.on('update-pre', () => {
    refresh()
    frame.open()
  })
  multi.on('redraw-post', () => frame.flush())
  return {
    // Each line clears the rest of what stood there: the bars are drawn below it again.
    print: (text) => multi.log(text.replaceAll('\n', '\u001b[K\n')),
    stop() {
      multi.update()
      frame.open()
      multi.stop()
      frame.flush()
      process.removeListener('exit', showCursor)
      showCursor()
    },
  }
}

/** Whatever names are in the text have been made printable. */
function draw(output: Output, text: string): void {
  if (output.draw) output.draw(text)
  else output.write(text)
}

/** `━━━━━╌╌╌╌  text`, cut to the width. */
export function barLine(share: number, text: string, width: number, colors: Colors): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH)
  const bar = colors.green('━'.repeat(full)) + colors.dim('╌'.repeat(BAR_WIDTH - full))
  return `${bar}  ${truncate(text, Math.max(0, width - BAR_WIDTH - 2))}`
}

/** Gathers all that one frame writes and hands it over at once: half-drawn frames are what flickers. */
function frameStream(output: Output): { stream: NodeJS.WritableStream; open(): void; flush(): void } {
  let text = ''
  let isOpen = false
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      // Outside a frame the library writes at a place it does not know.
      if (isOpen) text += String(chunk)
      done()
    },
  })
  Object.defineProperties(stream, {
    isTTY: { value: true },
    columns: { get: () => output.columns },
  })
  return {
    stream,
    open() {
      isOpen = true
    },
    flush() {
      isOpen = false
      if (text) draw(output, text)
      text = ''
    },
  }
}
