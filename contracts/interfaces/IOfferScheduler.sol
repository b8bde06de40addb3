// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobTerms, Offer} from "../types/JobTypes.sol";
import {IScheduler} from "./IScheduler.sol";

/// @title Plug-in: seats given by the workers' signed offers, in the posting transaction
/// @notice Its `quote` always answers no: no seat of such a job is ever drawn.
interface IOfferScheduler is IScheduler {
    event EpochRaised(address indexed worker, uint64 epoch);

    /// @notice None of the offers passed can be matched with these terms now.
    error NoLiveOffer(uint256 offers);
    error OfferExpired(address worker, uint40 expiry);
    /// @notice Good for longer than MAX_OFFER_LIFE from now.
    error OfferTooLong(address worker, uint40 expiry);
    error OfferCancelled(address worker, uint64 epoch, uint64 current);
    error OfferUnsuited(address worker); // price, wall time or stake of the terms lie outside the offer
    error WorkerNotAllowed(address worker); // the order does not name him

    /// @notice Which offer serves the terms. One offer: its own error when it does not. Several: the first whose worker could
    /// take the job now (registered, class, capacity, lockable stake), in the requester's order.
    /// @param workers whom the requester allows; empty: anyone
    /// @return worker who signed it
    /// @return price its minPrice
    /// @dev reverts OfferExpired, OfferTooLong, OfferCancelled, OfferUnsuited, WorkerNotAllowed; NoLiveOffer with several or none
    function choose(JobTerms calldata terms, Offer[] calldata offers, address[] calldata workers)
        external
        view
        returns (address worker, uint128 price);

    /// @notice As worker: cancel every offer signed under a lower epoch.
    function raiseEpoch() external returns (uint64 epoch);
    function epochOf(address worker) external view returns (uint64);
    function MAX_OFFER_LIFE() external view returns (uint40);
    /// @notice EIP-712 digest that the worker signs.
    function offerDigest(JobTerms calldata terms, Offer calldata offer) external view returns (bytes32);
}
