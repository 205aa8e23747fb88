/** What `X-Security-Tier` may say. */
export const SECURITY_TIERS: readonly string[] = ['standard', 'high', 'maximum']
