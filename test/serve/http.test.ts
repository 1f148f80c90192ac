/** What every request to the daemon meets: its limits, its errors, its certificate. */

import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { defaultServe } from '../../src/config/serve.ts'
import { createListener, type Listener } from '../../src/serve/http/listener.ts'
import { authority } from '../support/authority.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const LOCAL = { ...defaultServe(), host: '127.0.0.1', port: 0 }

async function listening(add: (listener: Listener) => void = () => {}) {
  const failures: string[] = []
  const listener = await createListener(LOCAL, (text) => void failures.push(text))
  add(listener)
  onTestFinished(() => listener.close(0))
  return { url: await listener.listen(), failures }
}

test('a body past its limit is refused before it was sent, and its connection is closed', async () => {
  const { url } = await listening(({ app }) => app.post('/', async () => 'read'))
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10485760\r\n\r\n{`)
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  expect(heard).toMatch(/^HTTP\/1\.1 413 /)
  expect(heard.toLowerCase()).toContain('connection: close')
})

test('what is not there, and what fails, is told in JSON, without what this program says to itself', async () => {
  const { url, failures } = await listening(({ app }) =>
    app.get('/broken', async () => {
      throw new Error('a secret of the program')
    }),
  )
  const missing = await fetch(`${url}/nowhere`)
  expect([missing.status, await missing.json()]).toEqual([404, { error: 'there is nothing here' }])
  const broken = await fetch(`${url}/broken`)
  expect(broken.status).toBe(500)
  expect(await broken.text()).not.toContain('secret')
  expect(broken.headers.get('server')).toBeNull()
  expect(failures).toEqual(['GET /broken: a secret of the program'])
})

test('a certificate that is renewed counts for the next connection, and a broken one leaves the one before', async () => {
  const directory = temporaryDirectory()
  const signer = authority('the daemon')
  const tls = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  const issue = (): void => {
    const { cert, key } = signer.issue('IP:127.0.0.1')
    writeFileSync(tls.cert, cert)
    writeFileSync(tls.key, key)
  }
  issue()
  const listener = await createListener({ ...LOCAL, tls }, () => {})
  onTestFinished(() => listener.close(0))
  const { port } = new URL(await listener.listen())
  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port: Number(port), host: '127.0.0.1', ca: signer.ca }, () => {
        resolve(socket.getPeerCertificate().serialNumber)
        socket.destroy()
      })
      socket.on('error', reject)
    })
  const first = await shown()
  issue()
  await listener.renew()
  const second = await shown()
  expect(second).not.toBe(first)
  writeFileSync(tls.key, 'no key')
  await expect(listener.renew()).rejects.toThrow('cannot use the certificate')
  expect(await shown()).toBe(second)
})
