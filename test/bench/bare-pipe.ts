/** The floor of a program in Node: copies one image over plain sockets with a few buffers and nothing else, no check, no retry, no history.
 *  Called with source and destination (`127.0.0.1:PORT`), repository, tag, and `hash` where it is to hash. */

import { createHash } from 'node:crypto'
import { connect } from 'node:net'

const [source = '', destination = '', repository = '', tag = '', how] = process.argv.slice(2)
const BUFFERS = 4
const BUFFER = 512 * 1024
const EMPTY: Buffer = Buffer.alloc(0)

interface Blob {
  readonly digest: string
  readonly size: number
}

await main()

async function main(): Promise<void> {
  const accept = 'Accept: application/vnd.oci.image.manifest.v1+json'
  const manifest = await ask(source, [`GET /v2/${repository}/manifests/${tag} HTTP/1.1`, accept])
  const image: { mediaType: string; config: Blob; layers: Blob[] } = JSON.parse(manifest.body.toString('utf8'))
  await Promise.all([...image.layers, image.config].map(copy))
  const type = `Content-Type: ${image.mediaType}`
  await ask(destination, [`PUT /v2/${repository}/manifests/${tag} HTTP/1.1`, type], manifest.body)
}

async function copy(blob: Blob): Promise<void> {
  const { head } = await ask(destination, [`POST /v2/${repository}/blobs/uploads/ HTTP/1.1`])
  const { pathname, search } = new URL(/location: (\S+)/i.exec(head)?.[1] ?? '')
  const ended = Promise.withResolvers<void>()
  const out = dial(destination, () =>
    out.write(
      headOf(destination, [`PUT ${pathname}${search}&digest=${blob.digest} HTTP/1.1`, `Content-Length: ${blob.size}`]),
    ),
  )
  out.on('data', (answer) => {
    out.destroy()
    if (answer.toString('latin1').startsWith('HTTP/1.1 201')) ended.resolve()
    else ended.reject(new Error(answer.toString('latin1')))
  })
  out.on('error', ended.reject)

  const hash = how === 'hash' ? createHash('sha256') : undefined
  const free: Uint8Array[] = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(BUFFER))
  let armed = free.pop() ?? EMPTY
  let begun = false
  let left = blob.size
  const take = (count: number, filled: Uint8Array): boolean => {
    const bytes = Buffer.from(filled.buffer, 0, count)
    const chunk = begun ? bytes : bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
    begun = true
    left -= chunk.byteLength
    hash?.update(chunk)
    if (left === 0 && hash && `sha256:${hash.digest('hex')}` !== blob.digest) ended.reject(new Error('wrong digest'))
    // The next one is asked for at once, so reading stops before there is none.
    armed = free.pop() ?? EMPTY
    out.write(chunk, () => {
      free.push(filled)
      from.resume()
    })
    return free.length > 0
  }
  const from = connect({ ...hostOf(source), noDelay: true, onread: { buffer: () => armed, callback: take } })
  from.once('connect', () => from.write(headOf(source, [`GET /v2/${repository}/blobs/${blob.digest} HTTP/1.1`])))
  from.on('error', ended.reject)
  await ended.promise
  from.destroy()
}

/** A small request whose answer has a length. */
function ask(host: string, lines: readonly string[], body = EMPTY): Promise<{ head: string; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ head: string; body: Buffer }>()
  let answer = EMPTY
  const socket = dial(host, () => {
    socket.write(headOf(host, [...lines, `Content-Length: ${body.byteLength}`]))
    socket.write(body)
  })
  socket.on('error', reject)
  socket.on('data', (bytes) => {
    answer = Buffer.concat([answer, bytes])
    const end = answer.indexOf('\r\n\r\n')
    const head = answer.toString('latin1', 0, end)
    if (end < 0 || answer.byteLength < end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) return
    socket.destroy()
    if (/^HTTP\/1\.1 20[012] /.test(head)) resolve({ head, body: answer.subarray(end + 4) })
    else reject(new Error(head))
  })
  return promise
}

function dial(host: string, ready: () => void) {
  return connect(hostOf(host), ready).setNoDelay(true)
}

function hostOf(host: string): { host: string; port: number } {
  const [name = '', port] = host.split(':')
  return { host: name, port: Number(port) }
}

function headOf(host: string, lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\nHost: ${host}\r\n\r\n`
}
