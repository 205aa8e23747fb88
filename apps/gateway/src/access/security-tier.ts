/** How much protection a caller asks for, from the least on. */
export const SECURITY_TIERS = ['standard', 'high', 'maximum'] as const

export type SecurityTier = (typeof SECURITY_TIERS)[number]
