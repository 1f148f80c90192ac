/** Helm and ChartMuseum as they really are: found where they are installed, the server started on a free port and ended with the process. */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { startChartMuseum } from './chartmuseum.ts'
import type { TestChart } from './charts.ts'
import { temporaryDirectory } from './temporary.ts'
import { pathOfTool } from './tools.ts'

const run = promisify(execFile)

/** Helm with a home of its own. */
export interface Helm {
  readonly directory: string
  /** What it prints; throws where it ends badly. */
  run(...args: readonly string[]): Promise<string>
  /** Writes a chart's archive with the time of its file, as `helm push` reads it. */
  write(chart: TestChart, time: Date): string
  /** Packages and signs a chart's directory. */
  sign(chart: string, version: string): Promise<{ readonly archive: string; readonly keyring: string }>
}

export function helm(): Helm {
  const directory = temporaryDirectory()
  const gnupg = join(directory, 'g')
  const env = {
    PATH: process.env.PATH,
    HOME: directory,
    TZ: 'UTC',
    GNUPGHOME: gnupg,
    HELM_CONFIG_HOME: join(directory, 'config'),
    HELM_CACHE_HOME: join(directory, 'cache'),
    HELM_DATA_HOME: join(directory, 'data'),
  }
  const call = async (program: string, args: readonly string[], encoding: 'utf8' | 'buffer' = 'utf8') =>
    (await run(pathOfTool(program) ?? program, args, { cwd: directory, env, encoding, maxBuffer: 64 << 20 })).stdout
  const helmRun: Helm['run'] = async (...args) => String(await call('helm', args))
  return {
    directory,
    run: helmRun,
    write({ file, archive }, time) {
      const path = join(directory, file)
      writeFileSync(path, archive)
      utimesSync(path, time, time)
      return path
    },
    async sign(chart, version) {
      if (!existsSync(gnupg)) {
        mkdirSync(gnupg, { mode: 0o700 })
        await call('gpg', ['--batch', '--passphrase', '', '--quick-gen-key', 'Tester <t@example.com>', 'rsa2048'])
        writeFileSync(join(directory, 'secret.gpg'), await call('gpg', ['--export-secret-keys'], 'buffer'))
        writeFileSync(join(directory, 'public.gpg'), await call('gpg', ['--export'], 'buffer'))
        await call('gpg', ['--batch', '--version'])
      }
      if (!existsSync(join(directory, chart))) await helmRun('create', chart)
      await helmRun('package', chart, '--version', version, '--sign', '--key', 'Tester', '--keyring', 'secret.gpg')
      return { archive: join(directory, `${chart}-${version}.tgz`), keyring: join(directory, 'public.gpg') }
    },
  }
}

export interface ChartMuseum {
  readonly url: string
  readonly storage: string
}

/** Ends with the test. */
export async function chartMuseum(...flags: readonly string[]): Promise<ChartMuseum> {
  const storage = temporaryDirectory()
  const { url, stop } = await startChartMuseum(storage, flags)
  onTestFinished(stop)
  return { url, storage }
}

/** Harbor 2.7's paths before a ChartMuseum that has a tenant for each project. Ends with the test. */
export async function oldHarbor(): Promise<{ readonly url: string }> {
  const museum = new URL((await chartMuseum('--depth=1')).url)
  const server = createServer((asked, response) => {
    const path = (asked.url ?? '')
      .replace('/api/chartrepo/health', '/health')
      .replace(/^\/api\/chartrepo\//, '/api/')
      .replace(/^\/chartrepo\//, '/')
    if (path === asked.url) {
      response.writeHead(404).end()
      return
    }
    const onward = send({
      host: museum.hostname,
      port: museum.port,
      path,
      method: asked.method,
      headers: asked.headers,
    })
    onward.on('response', (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(response)
    })
    onward.on('error', () => response.destroy())
    asked.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

export function bytesOf(path: string): Buffer {
  return readFileSync(path)
}
