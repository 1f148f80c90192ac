/** Says of a refusal of AWS what it is: a wrong credential, a permission that is missing, or something that is not there. */

import { ConfigurationError, CredentialError, RegistryError, ReplicateError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export interface Asked {
  /** Of the API: `DescribeImages`. */
  readonly operation: string
  /** For messages: `list the images of team/app`. */
  readonly what: string
}

/** How AWS prefixes the operations of a service in permissions. */
export type Service = 'ecr' | 'ecr-public'

/** The codes of all services of AWS, which some of them write without their end. */
const NOBODY = /^(CredentialsProviderError|TokenProviderError|ProviderError)$/
const WRONG =
  /^(UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|InvalidClientTokenId|InvalidToken|ExpiredToken|RequestExpired)(Exception)?$/
const DENIED = /^(AccessDenied|NotAuthorized|UnauthorizedAccess|UnauthorizedOperation)/
const THROTTLED = /^(Throttling|Throttled|TooManyRequests|RequestLimitExceeded|RequestThrottled)/
const STATUSES: readonly (readonly [RegExp, number])[] = [
  [THROTTLED, 429],
  [DENIED, 403],
  [/NotFound(Exception)?$/, 404],
  [/AlreadyExists(Exception)?$/, 409],
]

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /^LimitExceeded/,
    'raise the quota in AWS Service Quotas (Elastic Container Registry), or delete what is not needed',
  ],
  [/^Kms/, 'the key of kms_key must be in the same region, and its policy must let ECR use it'],
  [/^RepositoryNotFound/, 'check account and region in the URL, or create the repository'],
]

/** What AWS's client threw, as an error of ours; a bug stays what it is. */
export function meaningOf(error: unknown, asked: Asked, service: Service): unknown {
  const { operation, what } = asked
  if (error instanceof RegistryError) return restated(error, `cannot ${what}: ${error.message}`)
  if (error instanceof ReplicateError || !(error instanceof Error)) return error
  const { name, message } = error
  const text = message.split('\n')[0]?.trim() ?? ''
  const status = statusOf(error)
  if (NOBODY.test(name)) {
    return new CredentialError(`no credential of AWS was found: ${text}`, {
      cause: error,
      hint: 'set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or give a `credential` of `type: access_key`',
    })
  }
  if (text === 'Region is missing') {
    return new ConfigurationError('the host of the registry does not say in which region of AWS it is', {
      hint: 'set `options: { region: … }`, or AWS_REGION',
    })
  }
  if (WRONG.test(name) || status === 401) {
    return new CredentialError(`AWS refused the credential: ${name} (${text})`, {
      cause: error,
      hint: /Expired/.test(name)
        ? 'sign in again: `aws sso login`, or a new token of the session'
        : 'check the access key and its secret; a temporary one needs the token of its session, too, and the clock must be right',
    })
  }
  if (status === undefined) return error
  const known = STATUSES.find(([names]) => names.test(name))?.[1] ?? status
  const why = error instanceof SyntaxError ? `its answer is no JSON (${status})` : `${name} (${text})`
  return new RegistryError(`cannot ${what}: ${why}`, {
    status: known,
    method: 'POST',
    path: `/#${operation}`,
    codes: [name],
    cause: error,
    hint: known === 403 ? permissionHint(text, `${service}:${operation}`) : hintFor(name),
  })
}

/** What AWS's words, or else `actions`, say is missing. */
export function permissionHint(text: string, actions: string): string {
  const action = /not authorized to perform: ([\w-]+:\w+)/.exec(text)?.[1] ?? actions
  return `allow ${action} to this user or role, in its own policy or, of another account, in the repository's`
}

/** True where the same request may be answered after a pause. */
export function isThrottled(error: unknown): boolean {
  return error instanceof Error && THROTTLED.test(error.name)
}

/** True where AWS's client has meanwhile learned how wrong the clock is, or the signature became too old while it waited. */
export function isMistimed(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const corrected = typeof metadata === 'object' && metadata !== null && 'clockSkewCorrected' in metadata
  return corrected || (WRONG.test(error.name) && /^Signature expired/.test(error.message))
}

function hintFor(name: string): string | undefined {
  return HINTS.find(([names]) => names.test(name))?.[1]
}

function statusOf(error: Error): number | undefined {
  const metadata = '$metadata' in error ? error.$metadata : undefined
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
