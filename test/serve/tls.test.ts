/** The certificate of the whole daemon. */

import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { authority } from '../support/authority.ts'
import { serving } from './serving.ts'

test('renewed files of the certificate count without a restart, and broken ones leave the one before', async () => {
  const signer = authority('the daemon')
  const { user, yaml, start } = await serving()
  const renew = (): void => {
    const { cert, key } = signer.issue('IP:127.0.0.1')
    user.write('cert.pem', cert)
    user.write('key.pem', key)
  }
  renew()
  user.write('serve.yaml', yaml('', `  tls: {cert: ${join(user.directory, 'cert.pem')}, key: ./key.pem}\n`))
  const daemon = await start()
  expect(daemon.url).toMatch(/^https:/)
  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const port = Number(new URL(daemon.url).port)
      const socket = connect({ port, host: '127.0.0.1', ca: signer.ca }, () => {
        resolve(socket.getPeerCertificate().serialNumber)
        socket.destroy()
      })
      socket.on('error', reject)
    })
  const first = await shown()
  renew()
  await until('another certificate is shown', async () => (await shown()) !== first)
  const second = await shown()
  user.write('key.pem', 'no key')
  await daemon.says('the certificate before stays in use: cannot use the certificate')
  expect(await shown()).toBe(second)
  renew()
  await until('a third certificate is shown', async () => (await shown()) !== second)
})
