/** The certificate of a server that is not trusted yet: what it says, and what to do about it. */

import type { PingAnswer } from '../../../serve/api/schema/definition.ts'
import { clock } from '../../format.ts'
import { Facts } from '../../parts/detail.tsx'
import { Switch } from '../../parts/form.tsx'

interface CertificateProps {
  readonly ping: PingAnswer | undefined
  /** The PEM of the one that is trusted from now on. */
  readonly authority: string | undefined
  readonly onTrust: (pem: string | undefined) => void
  readonly insecure: boolean
  readonly onInsecure: (insecure: boolean) => void
}

export function CertificateField({ ping, authority, onTrust, insecure, onInsecure }: CertificateProps) {
  const certificate = ping?.certificate
  if (!certificate?.distrust) return null
  const { subject, issuer, not_after, authority: offered } = certificate
  // Only a test that was made with it shows that it is enough.
  const isTrusted = authority !== undefined && ping?.steps.some(({ name, ok }) => name === 'TLS' && ok)
  return (
    <fieldset>
      <legend>Certificate</legend>
      {isTrusted ? (
        <p>It is trusted from now on, for this registry alone.</p>
      ) : (
        <p class="bad">{certificate.distrust}</p>
      )}
      <Facts
        facts={[
          ['for', subject],
          ['issued by', issuer],
          ['until', clock(not_after)],
          ['SHA-256', <code key="sha256">{(offered ?? certificate).sha256}</code>],
        ]}
      />
      {offered ? (
        <>
          <p>Ask its administrator for the SHA-256 of their authority. If it is this one, trust it, and test again.</p>
          <Switch
            label="Trust this authority"
            on={authority !== undefined}
            onChange={(on) => onTrust(on ? offered.pem : undefined)}
          />
        </>
      ) : (
        <p class="hint">
          It does not show the authority that issued it: ask its administrator for that file, and set `ca` in the file.
        </p>
      )}
      <Switch label="Check no certificate (insecure)" on={insecure} onChange={onInsecure} />
    </fieldset>
  )
}
