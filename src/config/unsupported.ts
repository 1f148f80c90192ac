/** Names of what does not exist yet, so that the refusal can say so. */

/** Identities of planned adapters. */
export const FUTURE_TYPES: readonly string[] = [
  'ali-acr',
  'huawei-swr',
  'tencent-tcr',
  'volcengine-cr',
  'netease',
  'dtr',
  'chartmuseum',
  'artifact-hub',
]
