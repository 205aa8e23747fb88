/** The security tiers there are, the lowest first. */
export const TIERS = ['standard', 'high', 'maximum'] as const

/** How isolated the hardware must be that answers. */
export type Tier = (typeof TIERS)[number]

/** Whether a text names one. */
export const isTier = (text: string | undefined): text is Tier =>
  (TIERS as readonly (string | undefined)[]).includes(text)
