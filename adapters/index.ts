/** The adapters: an explicit list, which is all there is to being registered. */

import type { AdapterType } from '../src/core/adapter.ts'
import { aliAcr } from './ali-acr/index.ts'
import { artifactHub } from './artifact-hub/index.ts'
import { awsEcr } from './aws-ecr/index.ts'
import { awsEcrPublic } from './aws-ecr-public/index.ts'
import { azureAcr } from './azure-acr/index.ts'
import { chartmuseum } from './chartmuseum/index.ts'
import { cloudflare } from './cloudflare/index.ts'
import { digitalocean } from './digitalocean/index.ts'
import { dockerHub } from './docker-hub/index.ts'
import { dockerRegistry } from './docker-registry/index.ts'
import { dtr } from './dtr/index.ts'
import { gitea } from './gitea/index.ts'
import { githubGhcr } from './github-ghcr/index.ts'
import { gitlab } from './gitlab/index.ts'
import { googleGar } from './google-gar/index.ts'
import { harbor } from './harbor/index.ts'
import { helmHttp } from './helm-http/index.ts'
import { huaweiSwr } from './huawei-swr/index.ts'
import { ibmIcr } from './ibm-icr/index.ts'
import { jfrogArtifactory } from './jfrog-artifactory/index.ts'
import { netease } from './netease/index.ts'
import { nexus } from './nexus/index.ts'
import { ociLayout } from './oci-layout/index.ts'
import { oracleOcir } from './oracle-ocir/index.ts'
import { pulp } from './pulp/index.ts'
import { quay } from './quay/index.ts'
import { scaleway } from './scaleway/index.ts'
import { tencentTcr } from './tencent-tcr/index.ts'
import { volcengineCr } from './volcengine-cr/index.ts'
import { zot } from './zot/index.ts'

export const adapters: readonly AdapterType[] = [
  dockerRegistry,
  dockerHub,
  harbor,
  awsEcr,
  awsEcrPublic,
  azureAcr,
  googleGar,
  githubGhcr,
  gitlab,
  gitea,
  quay,
  jfrogArtifactory,
  aliAcr,
  dtr,
  huaweiSwr,
  tencentTcr,
  netease,
  volcengineCr,
  nexus,
  pulp,
  digitalocean,
  scaleway,
  ibmIcr,
  oracleOcir,
  cloudflare,
  zot,
  helmHttp,
  artifactHub,
  chartmuseum,
  ociLayout,
]
