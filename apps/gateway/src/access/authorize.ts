import { HttpError } from '../http-error.js'
import type { Identity } from './authenticate.js'

/**
 * Restricts a caller to the models and tiers of its API key. Both refusals have the same text: refusals
 * are sent in plaintext, and the model was encrypted.
 *
 * @throws HttpError 403
 */
export function authorize({ models, tiers }: Identity, model: string, tier: string): void {
  const allowed = (models?.includes(model) ?? true) && (tiers?.includes(tier) ?? true)
  if (!allowed) throw new HttpError(403, 'This API key is not for this model or security tier')
}
