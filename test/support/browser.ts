/** Debian's Chromium without a window: what a page becomes, what it asks the network for, and what it complains about. */

import { spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const BROWSER = 'chromium'

/** Its name, where it is not installed. */
export function missingBrowsers(): readonly string[] {
  return hasBrowser() ? [] : [BROWSER]
}

export function hasBrowser(): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, BROWSER), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export interface Opened {
  /** After its scripts have run. */
  readonly dom: string
  /** The first lines of all that was sent to the network, the browser's own housekeeping left out. */
  readonly requests: readonly string[]
  /** What scripts, policies and the parser said. */
  readonly console: readonly string[]
}

/** Opens a file in a window of at least 500 columns; time passes as fast as the page lets it. */
export async function openPage(file: string, width = 1400): Promise<Opened> {
  const requests: string[] = []
  // Whatever leaves the browser goes here, also what is meant for this machine.
  const proxy = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (data) => {
      requests.push(data.toString('latin1').split('\r\n')[0] ?? '')
      socket.destroy()
    })
  })
  proxy.listen(0, '127.0.0.1')
  await new Promise((resolve) => proxy.once('listening', resolve))
  const profile = mkdtempSync(join(tmpdir(), 'replicate-browser-'))
  const address = proxy.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  try {
    const { stdout, stderr } = await run([
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--enable-logging=stderr',
      '--v=0',
      `--user-data-dir=${profile}`,
      `--proxy-server=127.0.0.1:${address.port}`,
      '--proxy-bypass-list=<-loopback>',
      `--window-size=${width},1000`,
      '--virtual-time-budget=5000',
      '--dump-dom',
      pathToFileURL(file).href,
    ])
    return {
      dom: stdout,
      requests: requests.filter((line) => !HOUSEKEEPING.test(line)),
      console: stderr.split('\n').filter((line) => /:CONSOLE[:(]/.test(line)),
    }
  } finally {
    proxy.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Asked for by the browser itself, whatever it shows. */
const HOUSEKEEPING = /\b[\w.-]*(google|googleapis|gstatic|gvt1)\.com\b/

/** What a script says of a page in a frame of that width: the value of its last expression, as JSON. The page's own policy, which would
 *  refuse the script, is taken out of the copy that is looked at. */
export async function askPage(file: string, width: number, script: string): Promise<unknown> {
  const directory = dirname(file)
  const page = readFileSync(file, 'utf8').replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '')
  const ask = `<script>addEventListener('load', async () => parent.postMessage(JSON.stringify(await (async () => { ${script} })()), '*'))</script>`
  // Beside the page, whose directory goes away.
  writeFileSync(join(directory, 'asked.html'), page + ask)
  const frame = join(directory, 'frame.html')
  writeFileSync(
    frame,
    `<!doctype html><iframe src="asked.html" width="${width}" height="900"></iframe><pre></pre>
<script>addEventListener('message', ({ data }) => { document.querySelector('pre').textContent = encodeURIComponent(data) })</script>`,
  )
  const { dom, console } = await openPage(frame)
  const answer = /<pre>([^<]+)<\/pre>/.exec(dom)?.[1]
  if (answer === undefined) throw new Error(`the page gave no answer: ${console.join('\n')}`)
  return JSON.parse(decodeURIComponent(answer))
}

function run(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(BROWSER, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve({ stdout, stderr }) : reject(new Error(`${BROWSER} ended with ${code}: ${stderr}`)),
    )
  })
}
