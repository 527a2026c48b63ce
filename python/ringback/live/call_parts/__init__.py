"""What a running call consists of besides its task: journal, channels, legs, recording, target, connected parties."""
