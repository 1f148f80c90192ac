/** Application default credentials: a file that a variable names, that of gcloud, or the service account of the machine.
 *
 *  https://cloud.google.com/docs/authentication/application-default-credentials */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'
import { CredentialError } from '../../src/core/errors.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { tokenOfFile } from './library.ts'

export function defaultToken(registry: Registry, insist: true, tools: SignInTools): Promise<SentCredential>
export function defaultToken(
  registry: Registry,
  insist: boolean,
  tools: SignInTools,
): Promise<SentCredential | undefined>
/** The first that is there. With `insist` none is a `CredentialError`; without, only what is sure to cost no time is looked at. */
export async function defaultToken(
  registry: Registry,
  insist: boolean,
  tools: SignInTools,
): Promise<SentCredential | undefined> {
  const found =
    (await fromFile(tools)) ?? (insist || (await isGoogleMachine(tools)) ? await machineToken(tools) : undefined)
  if (found || !insist) return found
  throw new CredentialError(`registry ${registry.name}: there are no application default credentials`, {
    hint: 'run `gcloud auth application-default login`, let GOOGLE_APPLICATION_CREDENTIALS name a key file, or run on a machine with a service account',
  })
}

const FILE = 'application_default_credentials.json'

async function fromFile(tools: SignInTools): Promise<SentCredential | undefined> {
  const { GOOGLE_APPLICATION_CREDENTIALS: named, CLOUDSDK_CONFIG: directory, APPDATA, HOME } = tools.env
  if (named) {
    const text = await readFile(named, 'utf8').catch((cause: unknown) => {
      throw new CredentialError(`the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read: ${named}`, {
        cause,
      })
    })
    return tokenOfFile(text, 'environment (GOOGLE_APPLICATION_CREDENTIALS)', tools)
  }
  const gcloud = directory || (APPDATA ? join(APPDATA, 'gcloud') : HOME && join(HOME, '.config', 'gcloud'))
  if (!gcloud) return undefined
  const text = await readFile(join(gcloud, FILE), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : tokenOfFile(text, `gcloud (${FILE})`, tools)
}

/** Where a machine of Google is told who it is; the variable is what Google's own libraries look at. */
const MACHINE = '169.254.169.254'
/** Milliseconds: elsewhere nobody answers there. */
const MACHINE_TIMEOUT = 1000

const ANSWER = z.looseObject({ access_token: z.string().min(1), expires_in: z.number() })
const LIMIT = 1024 * 1024

/** Undefined where there is no such service. */
async function machineToken({ api, env, ctx }: SignInTools): Promise<SentCredential | undefined> {
  const http = api({
    url: `http://${env.GCE_METADATA_HOST || MACHINE}`,
    name: 'machine',
    credential: async () => ({ kind: 'anonymous', origin: 'none' }),
  })
  const url = '/computeMetadata/v1/instance/service-accounts/default/token'
  const headers = { 'metadata-flavor': 'Google' }
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(MACHINE_TIMEOUT)])
  const request = { method: 'GET', url, headers, retry: false, whole: LIMIT } as const
  try {
    const response = await http.request(request, { ...ctx, signal })
    const { access_token: token, expires_in } = ANSWER.parse(await response.json(LIMIT))
    return { kind: 'bearer', token, origin: "the machine's service account", expires: Date.now() + expires_in * 1000 }
  } catch (error) {
    if (ctx.signal.aborted) throw error
    return undefined
  }
}

/** Known without asking anybody: by the firmware, or by what serverless environments set. */
async function isGoogleMachine({ env }: SignInTools): Promise<boolean> {
  if (env.GCE_METADATA_HOST || env.K_SERVICE || env.CLOUD_RUN_JOB || env.FUNCTION_NAME) return true
  const vendor = await readFile('/sys/class/dmi/id/bios_vendor', 'utf8').catch(() => '')
  return vendor.startsWith('Google')
}
