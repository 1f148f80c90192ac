/** Looks at the way to a host, step by step: its address, its certificate. Sends no request. */

import { lookup } from 'node:dns/promises'
import { connect, type PeerCertificate } from 'node:tls'
import { abortReason } from '../core/cancel.ts'

export interface TlsOptions {
  readonly insecure?: boolean | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

/** The addresses that `hostname` has. */
export async function probeAddress(hostname: string): Promise<string> {
  const addresses = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true })
  return addresses.map(({ address }) => address).join(', ')
}

/** Shakes hands and says until when the certificate is valid. `now` in milliseconds. */
export async function probeTls(url: URL, options: TlsOptions, now: number, signal: AbortSignal): Promise<string> {
  const certificate = await new Promise<PeerCertificate>((resolve, reject) => {
    const socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 443),
      servername: url.hostname,
      rejectUnauthorized: !options.insecure,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    })
    const stop = (): void => {
      socket.destroy(abortReason(signal))
    }
    signal.addEventListener('abort', stop, { once: true })
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')))
    socket.once('error', reject)
    socket.once('close', () => signal.removeEventListener('abort', stop))
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate())
      socket.end()
    })
  })
  const until = new Date(certificate.valid_to)
  const days = Math.floor((until.getTime() - now) / 86_400_000)
  return `certificate valid until ${until.toISOString().slice(0, 10)} (${days} days)`
}
