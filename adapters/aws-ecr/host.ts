/** What the host of a registry of ECR says: whose it is, and where. */

export interface EcrHost {
  /** Twelve digits, which are the registry's id, too. Absent: the host is that of the API. */
  readonly account?: string
  readonly region: string
  readonly fips: boolean
  /** Reached by IPv6 as well. */
  readonly dualStack: boolean
}

/** One domain for each partition of AWS. */
const REGISTRY =
  /^(\d{12})\.dkr([.-])ecr(-fips)?\.([a-z0-9][a-z0-9_-]*)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/i
const API = /^(?:api\.ecr|ecr-fips|api\.ecr-fips|ecr)\.([a-z0-9][a-z0-9-]*)\.(?:amazonaws\.|api\.)/i

/** Undefined for a host that only the network knows: a proxy's, a test's. */
export function parseHost(hostname: string): EcrHost | undefined {
  const [, account, separator, fips, region] = REGISTRY.exec(hostname) ?? []
  if (account !== undefined && region !== undefined) {
    return { account, region: region.toLowerCase(), fips: fips !== undefined, dualStack: separator === '-' }
  }
  const ofApi = API.exec(hostname)?.[1]
  return ofApi === undefined ? undefined : { region: ofApi.toLowerCase(), fips: false, dualStack: false }
}
