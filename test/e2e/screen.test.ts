/** What stands on the screen of a terminal while a run moves: at any width, resized, paused, stopped, and seen by a second process. */

import { afterEach, describe, expect, test } from 'vitest'
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts'
import { image } from '../support/images.ts'
import { listener } from '../support/listener.ts'
import { randomBytes } from '../support/random.ts'
import { registry } from '../support/registries.ts'
import { gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, until } from './program.ts'
import { hasScreen, type OnScreen, onScreen, type ScreenOptions } from './terminal.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Scene {
  readonly here: Program
  readonly run: OnScreen
  /** Before the source. */
  readonly proxy: CountingProxy
  readonly size: number
  readonly half: number
  open(): void
}

/** Two images; the layer of one stands still half way. */
async function halfWay(options: ScreenOptions, env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const gate = await gatedSource({ images: 2 })
  const proxy = await startCountingProxy(gate.source.url)
  closing.push(
    () => gate.source.close(),
    () => proxy.close(),
    () => gate.open(),
  )
  const destination = await registry()
  const here = program({ TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env })
  here.write('policy.yaml', policyBetween(proxy.url, destination.url))
  const run = onScreen(here, ['run', 'policy.yaml', '--no-color'], options)
  await untilShown(run, 'one image is there, and the other half way', /^━.* 1\/2 .*of 1\.9 MiB/m)
  return { here, run, proxy, size: gate.size, half: gate.half, open: gate.open }
}

/** Fails with what stands there instead. */
async function untilShown({ screen }: OnScreen, what: string, text: RegExp): Promise<void> {
  await until(what, () => text.test(screen.lines.join('\n'))).catch((error: unknown) => {
    throw new Error(`on the screen stood:\n${screen.lines.join('\n')}`, { cause: error })
  })
}

/** The lines of bars. */
function bars({ screen }: OnScreen): readonly string[] {
  return screen.lines.filter((line) => /[━╌]/.test(line))
}

/** `979.0 KiB of 1.9 MiB` in bytes. */
function bytesOn(line = ''): { readonly now: number; readonly all: number } {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const found = /([\d.]+) ?(\w+)? of +([\d.]+) (\w+)/.exec(line)
  const [, now, unit, all, allUnit] = found ?? []
  const bytes = (amount: string | undefined, of: string | undefined): number =>
    Number(amount) * 1024 ** units.indexOf(of ?? allUnit ?? '')
  return { now: bytes(now, unit), all: bytes(all, allUnit) }
}

interface Seen {
  readonly line: string
  readonly now: number
  readonly all: number
  /** Bytes a second. */
  readonly speed: number | undefined
  /** Seconds. */
  readonly left: number | undefined
}

/** Each different line of the whole run, until it ends. */
async function readings(run: OnScreen): Promise<readonly Seen[]> {
  const lines = new Set<string>()
  let isOver = false
  run.ended.then(
    () => {
      isOver = true
    },
    () => {},
  )
  await until(
    'it ends',
    () => {
      const [line] = bars(run)
      if (line !== undefined) lines.add(line)
      return isOver
    },
    60_000,
  )
  // Before the first bytes nothing is known.
  return [...lines].flatMap((line) => {
    const { now, all } = bytesOn(line)
    if (!all) return []
    const [, amount, unit] = /([\d.]+) (B|KiB|MiB)\/s/.exec(line) ?? []
    const [, minutes = '0', seconds = '0'] = / {2}(?:(\d+) min ?)?(?:(\d+) s )?left/.exec(line) ?? []
    const speed = amount === undefined ? undefined : bytesOn(`0 of ${amount} ${unit}`).all
    const left = line.includes(' left') ? Number(minutes) * 60 + Number(seconds) : undefined
    return [{ line, now, all, speed, left }]
  })
}

const WIDTHS = [60, 100, 200]
/** How far a rate of one decimal may be above that of the limit: it is rounded, and a part that was waited for counts when it moves. */
const ROUNDED = 1.3
/** Manifests and the like, and what a figure of one decimal hides. */
const SLACK = 100_000

describe.runIf(hasScreen)('a run on a terminal', () => {
  test.each(WIDTHS)('at %i columns fits, and its figures are those that passed', async (columns) => {
    const { run, proxy, size, half, open } = await halfWay({ columns })
    for (const line of run.screen.lines) expect(line.length, line).toBeLessThanOrEqual(columns)
    expect(bars(run)).toHaveLength(2)
    const { now, all } = bytesOn(bars(run)[0])
    expect(Math.abs(now - half)).toBeLessThan(SLACK)
    expect(Math.abs(proxy.bytesDown - now)).toBeLessThan(SLACK)
    expect(Math.abs(all - size)).toBeLessThan(SLACK)
    expect(run.screen.cursor).toBe(false)
    open()
    expect(await run.ended).toMatchObject({ code: 0 })
    expect(bars(run)).toEqual([])
    expect(run.screen.cursor).toBe(true)
    expect([...run.screen.unknown]).toEqual([])
    expect(run.screen.lines.join('\n')).toMatch(/^transfer +2\/2 +1\.9 MiB copied/m)
    expect(Math.abs(proxy.bytesDown - size)).toBeLessThan(SLACK)
  })

  test.each([
    ['reflows', 'xterm-256color'],
    ['cuts', 'rxvt-unicode'],
  ] as const)('leaves nothing torn behind on a terminal that %s when it is resized', async (reflow, TERM) => {
    const { run, open } = await halfWay({ columns: 100, reflow }, { TERM })
    for (const columns of [60, 140, 55, 100]) {
      run.resize(columns)
      await until(`it is drawn at ${columns} columns`, () => run.screen.columns === columns && run.screen.clears > 2)
      expect(bars(run), run.screen.lines.join('\n')).toHaveLength(2)
      const { lines } = run.screen
      expect(lines[0]).toBe('copy  from → to/mirror')
      expect(lines).not.toContain('')
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns)
    }
    open()
    expect(await run.ended).toMatchObject({ code: 0 })
    expect(bars(run)).toEqual([])
    expect(run.screen.lines[0]).toBe('copy  from → to/mirror')
  })

  test('that is paused says so, without a rate or a time', async () => {
    const { here, run, proxy, size, open } = await halfWay({ columns: 100 })
    await here.run(['executions', 'pause', 'last'])
    await untilShown(run, 'it says that it is paused', /^━.* {2}paused$/m)
    expect(bars(run)[0]).not.toMatch(/\/s|left/)
    const watch = onScreen(here, ['executions', 'watch', 'last', '--no-color'], { columns: 60 })
    await untilShown(watch, 'the second process says so, too', /^━.* {2}paused$/m)
    expect(bars(watch)[0]).not.toMatch(/\/s|left/)
    await here.run(['executions', 'resume', 'last'])
    open()
    expect(await run.ended).toMatchObject({ code: 0 })
    expect(await watch.ended).toMatchObject({ code: 0 })
    for (const one of [run, watch]) expect(bars(one)).toEqual([])
    expect(Math.abs(proxy.bytesDown - size)).toBeLessThan(SLACK)
  })

  test('that is watched on a second terminal has the same figures there', async () => {
    const { here, run, proxy, open } = await halfWay({ columns: 100 })
    const watch = onScreen(here, ['executions', 'watch', 'last', '--no-color'], { columns: 60 })
    await untilShown(watch, 'it shows the same bytes', /^━.*1\/2 .* of 1\.9 MiB/m)
    expect(bytesOn(bars(watch)[0])).toEqual(bytesOn(bars(run)[0]))
    expect(Math.abs(proxy.bytesDown - bytesOn(bars(watch)[0]).now)).toBeLessThan(SLACK)
    for (const line of watch.screen.lines) expect(line.length, line).toBeLessThanOrEqual(60)
    open()
    expect(await watch.ended).toMatchObject({ code: 0 })
    expect(await run.ended).toMatchObject({ code: 0 })
  })

  test.each([
    ['Ctrl-C', 130, async ({ run }: Scene) => run.type('\u0003')],
    ['stop', 4, async ({ here }: Scene) => here.run(['executions', 'stop', 'last'])],
  ] as const)('that %s ends leaves its words and the cursor, and no bar', async (_, code, end) => {
    const scene = await halfWay({ columns: 60 })
    const { run, proxy, half } = scene
    await end(scene)
    expect(await run.ended).toMatchObject({ code })
    expect(bars(run)).toEqual([])
    expect(run.screen.cursor).toBe(true)
    for (const line of run.screen.lines) expect(line.length, line).toBeLessThanOrEqual(60)
    expect(Math.abs(proxy.bytesDown - half)).toBeLessThan(SLACK)
  })

  test('that a second Ctrl-C ends at once says so', async () => {
    const gate = await gatedSource()
    closing.push(
      () => gate.source.close(),
      () => gate.open(),
    )
    // A run that was stopped tells of it, and waits for an answer.
    const { url, heard } = await listener({ answer: () => undefined })
    const told = `    notify:\n      - { on: [stopped], webhook: "${url}/told" }\n`
    const here = program({ TERM: 'xterm-256color', LANG: 'C.UTF-8' })
    here.write('policy.yaml', policyBetween(gate.source.url, (await registry()).url, told))
    const run = onScreen(here, ['run', 'policy.yaml', '--no-color'])
    await untilShown(run, 'a bar stands', /^━.* 0\/1 .*of 1\.9 MiB/m)
    run.type('\u0003')
    await until('it tells that it was stopped', () => heard.length > 0)
    run.type('\u0003')
    expect(await run.ended).toMatchObject({ code: 130 })
    expect(run.screen.lines.join('\n')).toMatch(/^stopping; once more to end at once$[\s\S]*^ended at once$/m)
    expect(bars(run)).toEqual([])
    expect(run.screen.cursor).toBe(true)
  })

  test('has the total of its plan from the first second, though images share layers', async () => {
    const source = await registry()
    const base = [randomBytes(3_000_000, 'base'), randomBytes(1_000_000, 'more')]
    for (const name of ['a', 'b', 'c']) source.add(name, image({ seed: name, size: 500_000, base }), 'v1')
    // One of the layers is there already.
    const destination = await registry()
    destination.add('mirror/a', image({ base: base.slice(1), layers: 0 }), 'old')
    const here = program({ TERM: 'xterm-256color', LANG: 'C.UTF-8' })
    here.write('policy.yaml', policyBetween(source.url, destination.url))
    const { stdout } = await here.run(['plan', 'policy.yaml', '--json'])
    const planned = JSON.parse(stdout).policies[0].actions.reduce(
      (sum: number, { bytes_to_copy }: { readonly bytes_to_copy: number }) => sum + bytes_to_copy,
      0,
    )
    const rate = 1024 * 1024
    const run = onScreen(here, ['run', 'policy.yaml', '--no-color', '--bandwidth', '1MiB/s'], { columns: 100 })
    const seen = await readings(run)
    expect(seen.length).toBeGreaterThan(5)
    /** What is left in the middle, by what it would be at the rate that is shown. */
    const ratios: number[] = []
    for (const { line, all, now, speed, left } of seen) {
      expect(Math.abs(all - planned), `${line}; planned ${planned}`).toBeLessThan(SLACK)
      expect(now, line).toBeLessThanOrEqual(all)
      if (speed === undefined || left === undefined) continue
      expect(speed, line).toBeLessThan(rate * ROUNDED)
      // Whole seconds are shown, rounded up.
      if (now > all * 0.3 && now < all * 0.7) ratios.push((left - 0.5) / ((all - now) / speed))
    }
    // Of a machine that stands still for a second some are off.
    const [middle = 1] = ratios.sort((a, b) => a - b).slice(ratios.length / 2)
    expect(middle, ratios.join()).toBeGreaterThan(0.7)
    expect(middle, ratios.join()).toBeLessThan(1.3)
  })

  test('that is resumed does not count what was there as speed', async () => {
    const source = await registry()
    source.add('app', image({ layers: 1, size: 24_000_000 }), 'v1')
    const here = program({ TERM: 'xterm-256color', LANG: 'C.UTF-8' })
    here.write('policy.yaml', policyBetween(source.url, (await registry()).url))
    const rate = 4 * 1024 * 1024
    const flags = ['--no-color', '--bandwidth', '4MiB/s']
    const first = onScreen(here, ['run', 'policy.yaml', ...flags], { columns: 100 })
    await untilShown(first, 'more than half is there', /^━.* 0\/1 {2}1[3-9]\.\d (MiB )?of/m)
    first.type('\u0003')
    expect(await first.ended).toMatchObject({ code: 130 })
    const second = onScreen(here, ['executions', 'resume', 'last', ...flags], { columns: 100 })
    const seen = await readings(second)
    expect(await second.ended).toMatchObject({ code: 0 })
    expect(seen.some(({ now }) => now > 12 * 1024 * 1024)).toBe(true)
    for (const { line, speed } of seen) expect(speed ?? 0, line).toBeLessThan(rate * ROUNDED)
  })

  test('has help that fits', async () => {
    const help = onScreen(program({ TERM: 'xterm-256color', LANG: 'C.UTF-8' }), ['policies', 'create', '--help'], {
      columns: 60,
    })
    expect(await help.ended).toMatchObject({ code: 0 })
    const lines = help.ended.then(({ stdout }) => stdout.split('\r\n'))
    // Commands to copy stay whole.
    for (const line of await lines) if (!line.startsWith('  $ ')) expect(line.length, line).toBeLessThanOrEqual(60)
  })

  test('without cursor movement (TERM=dumb) is plain lines', async () => {
    const source = await registry()
    source.add('app', image(), 'v1')
    const here = program({ TERM: 'dumb', LANG: 'C.UTF-8' })
    here.write('policy.yaml', policyBetween(source.url, (await registry()).url))
    const run = onScreen(here, ['run', 'policy.yaml'], { columns: 60 })
    const { code, stdout } = await run.ended
    expect(code).toBe(0)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain('→')
  })

  test('in a locale without UTF-8 is ASCII, with and without a terminal', async () => {
    const source = await registry()
    source.add('app', image(), 'v1')
    const here = program({ TERM: 'xterm', LC_ALL: 'C' })
    here.write('policy.yaml', policyBetween(source.url, (await registry()).url))
    const { code, stdout } = await onScreen(here, ['run', 'policy.yaml'], { columns: 60 }).ended
    expect(code).toBe(0)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    expect(stdout).toMatch(/^[\u0000-\u007f]*$/)
    const plain = await here.run(['run', 'policy.yaml'])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    expect(plain.stdout + plain.stderr).toMatch(/^[\u0000-\u007f]*$/)
    expect(plain.stderr).toContain('from > to/mirror')
  })
})
