/** azure-to-google.yaml: both clouds are signed in to by their own ways, and the repository is created. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { startAcr } from '../fakes/azure-acr.ts'
import { ENTRA_TOKEN, PRINCIPAL, startEntra } from '../fakes/azure-entra.ts'
import { LOCATION, startGar } from '../fakes/google-gar.ts'
import { image } from '../support/images.ts'

const NAME = 'azure-to-google.yaml'
const EXAMPLE = readFileSync(join(import.meta.dirname, '..', '..', 'examples', NAME), 'utf8')

test(`${NAME} copies releases with the identities that the environment names`, async () => {
  const azure = await startAcr({
    entra: new Map([[ENTRA_TOKEN, (_name, action) => ['pull', 'metadata_read', 'catalog'].includes(action)]]),
  })
  const [entra, google] = [await startEntra(), await startGar()]
  onTestFinished(async () => void (await Promise.all([azure.close(), entra.close(), google.close()])))
  for (const tag of ['1.0', '2.0', 'latest']) azure.content.add('team/app', image({ seed: tag }), tag)
  azure.content.add('other/app', image(), '1.0')
  const here = program({
    AZURE_AUTHORITY_HOST: entra.url,
    AZURE_TENANT_ID: PRINCIPAL.tenant,
    AZURE_CLIENT_ID: PRINCIPAL.client,
    AZURE_CLIENT_SECRET: PRINCIPAL.secret,
    GOOGLE_APPLICATION_CREDENTIALS: 'key.json',
  })
  here.write('key.json', google.google.keyFile())
  const options = `{ api_url: ${google.apiUrl}, location: ${LOCATION} }`
  const text = EXAMPLE.replace('https://example.azurecr.io', azure.content.url).replace(
    'url: https://europe-west1-docker.pkg.dev\n',
    `url: ${google.content.url}\n    options: ${options}\n`,
  )
  here.write(NAME, text)
  const { code, stdout, stderr } = await here.run(['run', NAME])
  expect(code, stderr).toBe(0)
  expect(`${stdout}${stderr}`).not.toContain('Warning')
  expect([...google.content.repositories.keys()]).toEqual(['my-project/releases/app'])
  expect([...google.content.repository('my-project/releases/app').tags.keys()].sort()).toEqual(['1.0', '2.0'])
  expect(google.known.has('my-project/releases')).toBe(true)
})
