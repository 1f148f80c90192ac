/** Pulls of small content over connections that stay open, at little cost for the machine that the server runs on, too. */

import { connect, type Socket } from 'node:net'
import { OCI_MANIFEST } from '../../../../src/core/manifest.ts'

export interface Load {
  readonly failed: number
  /** Milliseconds, sorted. */
  readonly times: readonly number[]
}

/** Asks `perSecond` times a second at an even pace, whether answers come or not. Each is timed from when it was due. */
export async function evenly(urls: readonly string[], perSecond: number, lasting: number): Promise<Load> {
  const clients = new Clients(urls)
  const times: number[] = []
  let failed = 0
  const began = performance.now()
  const asked: Promise<void>[] = []
  const ask = async (number: number): Promise<void> => {
    const due = began + (number / perSecond) * 1000
    if (await clients.pull(number)) times.push(performance.now() - due)
    else failed += 1
  }
  while (asked.length < perSecond * lasting) {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond)
    while (asked.length < Math.min(due, perSecond * lasting)) asked.push(ask(asked.length))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(asked)
  clients.end()
  return { failed, times: times.sort((one, other) => one - other) }
}

/** Pulls a second of so many clients that do nothing else, for so many seconds. */
export async function most(urls: readonly string[], connections: number, lasting: number): Promise<number> {
  const clients = new Clients(urls)
  const until = performance.now() + lasting * 1000
  let count = 0
  const client = async (): Promise<void> => {
    while (performance.now() < until) if (await clients.pull(count)) count += 1
  }
  await Promise.all(Array.from({ length: connections }, client))
  clients.end()
  return Math.round(count / lasting)
}

export async function once(url: string): Promise<boolean> {
  const clients = new Clients([url])
  const isPulled = await clients.pull(0)
  clients.end()
  return isPulled
}

/** Connections to one server, opened as they are needed. */
class Clients {
  readonly #urls: readonly URL[]
  readonly #free: Client[] = []
  readonly #all = new Set<Client>()

  constructor(urls: readonly string[]) {
    this.#urls = urls.map((url) => new URL(url))
  }

  async pull(number: number): Promise<boolean> {
    const url = this.#urls[number % this.#urls.length]
    if (!url) throw new TypeError('nothing to pull')
    let client = this.#free.pop()
    while (client?.isOver) client = this.#free.pop()
    client ??= new Client(url)
    this.#all.add(client)
    const isPulled = await client.pull(url)
    if (client.isOver) this.#all.delete(client)
    else this.#free.push(client)
    return isPulled
  }

  end(): void {
    for (const client of this.#all) client.end()
  }
}

class Client {
  isOver = false
  readonly #socket: Socket
  #answer = ''
  #done: ((isPulled: boolean) => void) | undefined

  constructor({ hostname, port }: URL) {
    this.#socket = connect(Number(port), hostname).setNoDelay(true)
    this.#socket.on('data', (bytes) => this.#read(bytes.toString('latin1')))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.isOver = true
      this.#done?.(false)
    })
  }

  pull({ host, pathname }: URL): Promise<boolean> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${OCI_MANIFEST}\r\n\r\n`)
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#answer += text
    const end = this.#answer.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#answer.slice(0, end)
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? []
    const isWhole =
      length === undefined ? this.#answer.endsWith('\r\n0\r\n\r\n') : this.#answer.length >= end + 4 + Number(length)
    if (!isWhole) return
    this.#answer = ''
    if (/\r\nconnection: *close/i.test(head)) {
      this.isOver = true
      this.#socket.destroy()
    }
    this.#done?.(/^HTTP\/1.1 200 /.test(head))
  }
}
