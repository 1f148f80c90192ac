/** What is known and does not exist yet: refused with words of its own. */

/** Identities of adapters that are to come. */
export const FUTURE_TYPES: readonly string[] = [
  'ali-acr',
  'huawei-swr',
  'tencent-tcr',
  'volcengine-cr',
  'netease',
  'dtr',
  'helm-http',
  'chartmuseum',
  'artifact-hub',
]
