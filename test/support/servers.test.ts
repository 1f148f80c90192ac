/** Real servers start, answer, keep strangers out, and end. */

import { describe, expect, it } from 'vitest'
import { MANIFEST_TYPES } from '../../src/core/manifest.ts'
import { image } from './images.ts'
import { basic, seed } from './seed.ts'
import { availableServers, SERVER_USER, SERVERS, startServer } from './servers.ts'

describe.each(SERVERS)('%s', (name) => {
  it.skipIf(!availableServers().includes(name))('takes an image and gives it back, but not to strangers', async () => {
    const server = await startServer(name, { auth: true })
    const authorization = basic(SERVER_USER.user, SERVER_USER.password)
    const pushed = await seed(server.url, 'a/b', '1.0', image(), { authorization })
    const accept = MANIFEST_TYPES.join(', ')
    const url = `${server.url}/v2/a/b/manifests/1.0`
    const read = await fetch(url, { headers: { accept, authorization } })
    expect(Buffer.from(await read.arrayBuffer())).toEqual(pushed.bytes)
    expect((await fetch(url, { headers: { accept } })).status).toBe(401)
    await server.stop()
    await expect(fetch(server.url)).rejects.toThrow()
  })
})
