/** ECR of parts that others have written: moto answers its control API, a distribution registry holds the content. Before it stands
 *  what the two cannot know of each other: a manifest that is pushed becomes an image of the API, and moto's password is asked for. */

import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ECR } from '@aws-sdk/client-ecr'
import { computeDigest } from '../../src/core/manifest.ts'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Moto, startMoto } from '../support/moto.ts'
import { basic, seed } from '../support/seed.ts'
import { type RealServer, startServer } from '../support/servers.ts'

const KEY = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'any' } as const
const REGION = 'eu-west-1'
/** What moto gives out, for its one account. */
const PASSWORD = basic('AWS', '123456789012-auth-token')

export interface MotoEcr extends AdapterUnderTest {
  readonly moto: Moto
  readonly server: RealServer
  /** AWS's own client, as an owner of the account would use it. */
  readonly client: ECR
}

export async function startMotoEcr(): Promise<MotoEcr> {
  const [moto, server] = await Promise.all([startMoto(), startServer('registry')])
  const client = new ECR({
    endpoint: moto.url,
    region: REGION,
    credentials: { accessKeyId: KEY.id, secretAccessKey: KEY.secret },
  })
  const front = createServer((request, response) => {
    void pass(request, response, server, client)
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  return {
    moto,
    server,
    client,
    registry: {
      name: 'it',
      type: 'aws-ecr',
      url,
      options: { endpoint: moto.url, region: REGION },
      credential: { type: 'access_key', username: KEY.id, password: KEY.secret },
    },
    env: {},
    namespace: 'team',
    async seed(repository, tag, artifact) {
      await client.createRepository({ repositoryName: repository }).catch(ignoreExisting)
      await seed(url, repository, tag, artifact, { authorization: PASSWORD })
    },
    async close() {
      client.destroy()
      front.closeAllConnections()
      await Promise.all([new Promise((resolve) => front.close(resolve)), moto.stop(), server.stop()])
    },
  }
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'RepositoryAlreadyExistsException') throw error
}

async function pass(request: IncomingMessage, response: ServerResponse, to: RealServer, client: ECR): Promise<void> {
  if (request.headers.authorization !== PASSWORD) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x",service="ecr.amazonaws.com"' }).end('Not Authorized')
    return
  }
  const { method = 'GET', url: path = '/', headers } = request
  const [, repository = '', reference = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path) ?? []
  if (method !== 'PUT' || repository === '') {
    request.pipe(forward(response, method, path, headers, to))
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  await client.putImage({
    repositoryName: repository,
    imageManifest: body.toString('utf8'),
    // moto makes one up of the layers.
    imageDigest: computeDigest(body),
    ...(headers['content-type'] === undefined ? {} : { imageManifestMediaType: headers['content-type'] }),
    ...(reference.includes(':') ? {} : { imageTag: reference }),
  })
  forward(response, method, path, headers, to).end(body)
}

function forward(
  response: ServerResponse,
  method: string,
  path: string,
  { authorization: _, ...headers }: IncomingMessage['headers'],
  { url, host }: RealServer,
) {
  // Its Host stays, so that a Location leads back here.
  return send(`${url}${path}`, { method, headers: { ...headers, host: headers.host ?? host } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
}
