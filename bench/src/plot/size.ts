/** Pixels of the drawing; one panel lies above the other. */
export const WIDTH = 840
export const PANEL_HEIGHT = 300
