/** The page on a daemon with a large history: how soon its rows are painted, how it scrolls, and what it holds after an hour of events. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CDPSession, chromium, type Page } from 'playwright-core'
import type { Bench, Corpus, Table } from '../../corpus.ts'
import { startDaemon } from '../../daemon.ts'
import { makeHistory } from '../history.ts'
import { startHour } from './hour.ts'

const REGISTRIES = 200
const POLICIES = 1000

export const page: Corpus = {
  name: 'page',
  title: 'The page of `serve`',
  async run(bench) {
    const scratch = bench.directory()
    const size = bench.quick ? { executions: 1000, tasks: 100_000 } : { executions: 10_000, tasks: 1_000_000 }
    bench.say(`making ${size.executions} executions with ${size.tasks} tasks`)
    const { large } = await makeHistory(join(scratch, 'home'), size)
    const daemon = await startDaemon(scratch, configuration())
    const token = readFileSync(join(scratch, 'home', 'api-token'), 'utf8').trim()
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    })
    try {
      const context = await browser.newContext({ viewport: { width: 1100, height: 800 } })
      await context.addInitScript(WATCHING)
      const window = await context.newPage()
      await window.goto(`${daemon.url}/#token=${token}`)
      await window.getByRole('heading', { name: 'Executions' }).waitFor()
      const screens = await eachScreen(bench, window, daemon.url, large)

      const answer = await fetch(`${daemon.url}/api/replication/executions/${large}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      const hour = await startHour(daemon.url, (await answer.json()) as Record<string, unknown>)
      const left = await context.newPage()
      await left.goto(`${hour.url}/#token=${token}`)
      await left.getByRole('heading', { name: 'Executions' }).waitFor()
      const memory: Table[] = []
      for (const path of ['/', `/executions/${large}`]) {
        bench.say(`an hour of events on ${path}`)
        await left.goto(hour.url + path)
        await left.locator('tbody tr').nth(5).waitFor()
        memory.push(await anHour(bench, left, path, hour))
      }
      hour.close()
      return [screens, ...memory]
    } finally {
      await browser.close()
      await daemon.stop()
    }
  },
}

function configuration(): string {
  const registries = Array.from(
    { length: REGISTRIES },
    (_, at) => `  registry-${at}: { type: docker-registry, url: 'http://127.0.0.1:9', description: 'Number ${at}' }\n`,
  )
  const policies = Array.from(
    { length: POLICIES },
    (_, at) =>
      `  policy-${at}: { source: { registry: registry-${at % REGISTRIES}, namespaces: [library] }, destination: registry-${(at + 1) % REGISTRIES}/mirror, triggers: [{ schedule: '${at % 60} ${at % 24} * * *' }] }\n`,
  )
  return `registries:\n${registries.join('')}policies:\n${policies.join('')}serve: { listen: '127.0.0.1:0', health_interval: 10m }\n`
}

/** What is on each screen, of the request that it waits for. */
const screensOf = (large: number, executions: number) =>
  [
    ['executions', '/', 'tbody tr:nth-child(20)', '/api/replication/executions?'],
    ['the last of them', `/?page=${executions / 25}`, 'tbody tr:nth-child(5)', '/api/replication/executions?'],
    ['one with a tenth of all tasks', `/executions/${large}`, 'tbody tr:nth-child(50)', '/tasks?'],
    ['policies', '/policies', 'tbody tr:nth-child(50)', '/api/replication/policies?'],
    ['one policy', '/policies/policy-3', 'tbody tr:nth-child(10)', '/api/replication/policies/'],
    ['the questions for a policy', '/policies/new', 'form select option:nth-child(200)', '/api/registries?'],
    ['registries', '/registries', 'tbody tr:nth-child(50)', '/api/registries?'],
    ['schedule', '/schedule', '.track:nth-child(50)', '/api/schedule?'],
  ] as const

async function eachScreen(bench: Bench, page: Page, url: string, large: number): Promise<Table> {
  const rows: string[][] = []
  const cdp = await page.context().newCDPSession(page)
  for (const [name, path, row, request] of screensOf(large, bench.quick ? 1000 : 10_000)) {
    const waits: number[] = []
    for (let round = 0; round < Math.max(3, bench.rounds); round += 1) {
      await page.goto(url + path)
      await page.locator(row).first().waitFor({ timeout: 60_000, state: 'attached' })
      waits.push(Number(await page.evaluate(`painted(${JSON.stringify(row)}, ${JSON.stringify(request)})`)))
    }
    const { slow, longest, tasks } = await scrolled(page)
    const { nodes } = await countersOf(cdp)
    bench.say(`${name}: ${waits.map(Math.round).join(', ')} ms`)
    rows.push([
      name,
      `${Math.round(Math.min(...waits))} to ${Math.round(Math.max(...waits))} ms`,
      String(nodes),
      `${slow} (${Math.round(longest)} ms)`,
      String(tasks),
    ])
  }
  return {
    title: 'The page: from the answer to painted rows, and scrolling',
    columns: ['screen', 'answer to paint', 'DOM nodes', 'frames over 50 ms (longest)', 'long tasks'],
    rows,
    notes: [`${POLICIES} policies and ${REGISTRIES} registries; 40 turns of the wheel down, and 40 up`],
  }
}

/** Turns the wheel over the middle of the page. */
async function scrolled(page: Page): Promise<{ slow: number; longest: number; tasks: number }> {
  await page.mouse.move(550, 500)
  await page.evaluate('watchFrames()')
  for (const by of [200, -200]) {
    for (let turn = 0; turn < 40; turn += 1) {
      await page.mouse.wheel(0, by)
      await page.waitForTimeout(25)
    }
  }
  return (await page.evaluate('framesSeen()')) as { slow: number; longest: number; tasks: number }
}

async function anHour(
  bench: Bench,
  page: Page,
  path: string,
  hour: Awaited<ReturnType<typeof startHour>>,
): Promise<Table> {
  const cdp = await page.context().newCDPSession(page)
  const rows: string[][] = []
  const note = async (when: string, events: number): Promise<void> => {
    const { heap, nodes, listeners } = await countersOf(cdp)
    const row = [when, String(events), `${(heap / 2 ** 20).toFixed(1)} MiB`, String(nodes), String(listeners)]
    rows.push(row)
    bench.say(row.join(', '))
  }
  await note('start', 0)
  let events = 0
  for (const when of ['a quarter', 'half', 'three quarters', 'end']) {
    events += await hour.tell(bench.quick ? 0.05 : 0.25, bench.quick ? 3000 : 12_000)
    await note(when, events)
  }
  return {
    title: `An hour of events on ${path}`,
    columns: ['', 'events', 'heap', 'DOM nodes', 'listeners'],
    rows,
    notes: [],
  }
}

/** After what is no longer used was collected. */
async function countersOf(cdp: CDPSession): Promise<{ heap: number; nodes: number; listeners: number }> {
  await cdp.send('HeapProfiler.collectGarbage')
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const { nodes, jsEventListeners } = await cdp.send('Memory.getDOMCounters')
  return { heap: usedSize, nodes, listeners: jsEventListeners }
}

/** Runs in each window before its own scripts. */
const WATCHING = `
  const shown = new Map()
  let long = 0
  const wanted = ${JSON.stringify(screensOf(0, 0).map(([, , row]) => row))}
  // The frame in which a row is there for the first time; a message after it comes when it is painted.
  const look = () => {
    for (const row of wanted) if (!shown.has(row) && document.querySelector(row)) {
      shown.set(row, undefined)
      const channel = new MessageChannel()
      channel.port1.onmessage = () => shown.set(row, performance.now())
      channel.port2.postMessage(0)
    }
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
  new PerformanceObserver((list) => { long += list.getEntries().length }).observe({ type: 'longtask' })
  window.painted = async (row, request) => {
    while (shown.get(row) === undefined) await new Promise((resolve) => setTimeout(resolve, 10))
    const answers = performance.getEntriesByType('resource').filter(({ name }) => name.includes(request))
    return shown.get(row) - Math.max(...answers.map(({ responseEnd }) => responseEnd).filter((end) => end < shown.get(row)))
  }
  let gaps = []
  let stopped = true
  window.watchFrames = () => {
    gaps = []
    long = 0
    stopped = false
    let last = performance.now()
    const frame = (now) => {
      gaps.push(now - last)
      last = now
      if (!stopped) requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  }
  window.framesSeen = () => {
    stopped = true
    return { slow: gaps.filter((gap) => gap > 50).length, longest: Math.max(...gaps), tasks: long }
  }
`
