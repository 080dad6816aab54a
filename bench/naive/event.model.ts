import mongoose from 'mongoose';

const eventSchema = new mongoose.Schema(
  {
    site_id: { type: String, required: true },
    event_type: { type: String, required: true },
    path: { type: String, required: true },
    user_id: { type: String, default: null },
    timestamp: { type: Date, required: true },
  },
  { timestamps: true },
);

eventSchema.index({ site_id: 1, timestamp: 1 });
eventSchema.index({ timestamp: 1 });
eventSchema.index({ site_id: 1, path: 1 });

export const Event = mongoose.model('Event', eventSchema);
