/** Images of any size for a real registry: content is made while it is sent, and never whole in memory. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { computeDigest, OCI_MANIFEST } from '../../src/core/manifest.ts'
import { randomBytes } from '../support/random.ts'

const BLOCK = 1 << 20

/** Pushes an image of `layers` layers of `size` bytes each (whole MiB) to a registry's URL. */
export async function pushLarge(
  url: string,
  repository: string,
  tag: string,
  layers: number,
  size: number,
): Promise<void> {
  const base = `${url}/v2/${repository}`
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')
  await pushBlob(base, computeDigest(config), config.byteLength, () => config)
  const descriptors = []
  for (let layer = 0; layer < layers; layer += 1) {
    const block = (at: number): Buffer => blockOf(layer, at)
    const hash = createHash('sha256')
    for (let at = 0; at < size / BLOCK; at += 1) hash.update(block(at))
    const digest = `sha256:${hash.digest('hex')}`
    await pushBlob(base, digest, size, block)
    descriptors.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size })
  }
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: computeDigest(config),
        size: config.byteLength,
      },
      layers: descriptors,
    }),
  )
  await send('PUT', `${base}/manifests/${tag}`, manifest.byteLength, OCI_MANIFEST, () => manifest)
}

const patterns = new Map<number, Buffer>()

/** Blocks that differ, at the price of one: the number stands at the front of random bytes. */
function blockOf(layer: number, at: number): Buffer {
  const pattern = patterns.get(layer) ?? randomBytes(BLOCK, `layer ${layer}`)
  patterns.set(layer, pattern)
  const block = Buffer.from(pattern)
  block.writeUInt32BE(at)
  return block
}

async function pushBlob(base: string, digest: string, size: number, block: (at: number) => Buffer): Promise<void> {
  const opened = await send('POST', `${base}/blobs/uploads/`, 0, undefined, () => Buffer.alloc(0))
  const location = new URL(opened.headers.location ?? '', `${base}/blobs/uploads/`)
  location.searchParams.set('digest', digest)
  await send('PUT', location.href, size, 'application/octet-stream', block)
}

async function send(
  method: string,
  url: string,
  size: number,
  type: string | undefined,
  block: (at: number) => Buffer,
): Promise<IncomingMessage> {
  const options = {
    method,
    // The bench's own certificate: nothing secret is sent.
    rejectUnauthorized: false,
    headers: { 'content-length': size, ...(type === undefined ? {} : { 'content-type': type }) },
  }
  const request = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options)
  const answered = once(request, 'response')
  for (let sent = 0, at = 0; sent < size; at += 1) {
    const bytes = block(at)
    sent += bytes.byteLength
    if (!request.write(bytes)) await once(request, 'drain')
  }
  request.end()
  const [response]: IncomingMessage[] = await answered
  if (!response) throw new Error(`${method} ${url}: no answer`)
  let answer = ''
  for await (const chunk of response) answer += String(chunk)
  if ((response.statusCode ?? 0) >= 300) throw new Error(`${method} ${url}: ${response.statusCode} ${answer}`)
  return response
}
