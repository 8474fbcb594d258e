// Winograd's minimal filtering for 3×3 convolutions.
#include "conv2d_shape.h"
